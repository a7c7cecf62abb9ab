// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of requests to what they ask for. No body makes these throw; every refusal is a sentence that blames a field.

#include <string>
#include <string_view>
#include <vector>

#include "server/api/api_error.h"
#include "server/api/completion_request.h"
#include "server/api/identifiers.h"

namespace paddock::server {

class ResponseStore;

struct ParseLimits {
  size_t body_bytes = 32 << 20;
  int depth = 64;           // arrays and objects inside each other
  size_t values = 1 << 20;  // in all: an empty list of two bytes takes fifty in memory
};

// Bodies are JSON and say so. Anything else is a 415: a web page of somebody else's could send it without asking.
ApiResult<void> check_content_type(std::string_view content_type);

ApiResult<CompletionRequest> parse_chat(std::string_view body, const ParseLimits& limits = {});
ApiResult<CompletionRequest> parse_completions(std::string_view body, const ParseLimits& limits = {});
ApiResult<CompletionRequest> parse_messages(std::string_view body, const ParseLimits& limits = {});
ApiResult<CompletionRequest> parse_count_tokens(std::string_view body, const ParseLimits& limits = {});

// `store` resolves previous_response_id and item references, among `owner`'s responses alone. Null: none are kept, and
// a request that asks to be stored is answered without.
ApiResult<CompletionRequest> parse_responses(std::string_view body, const ResponseStore* store, std::string_view owner,
                                             const Identifiers& identifiers, const ParseLimits& limits = {});

struct TokenizeRequest {
  std::string model;
  std::string text;
  SharedJson conversation;  // instead of text, for the chat template
  bool continue_final_message = false;
  bool add_special_tokens = true;  // beginning of text before a text
  bool parse_special = true;       // recognise special tokens in a text
  bool with_texts = false;         // the answer holds the text of each token
};
ApiResult<TokenizeRequest> parse_tokenize(std::string_view body, const ParseLimits& limits = {});

struct DetokenizeRequest {
  std::string model;
  std::vector<int32_t> tokens;
};
ApiResult<DetokenizeRequest> parse_detokenize(std::string_view body, const ParseLimits& limits = {});

struct LoadAdapterRequest {
  std::string name, path;
  std::string base_model;  // empty: the first
};
ApiResult<LoadAdapterRequest> parse_load_adapter(std::string_view body, const ParseLimits& limits = {});

struct UnloadAdapterRequest {
  std::string name;
};
ApiResult<UnloadAdapterRequest> parse_unload_adapter(std::string_view body, const ParseLimits& limits = {});

}  // namespace paddock::server
