// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a client asks for, whatever dialect it said it in.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "engine/request.h"
#include "server/api/api_error.h"

namespace paddock::server {

// A part of a request that stays JSON. Null where it was not given.
using SharedJson = std::shared_ptr<const Json>;

SharedJson share(Json json);

// Text to be tokenised, or token ids that are taken as they are.
using Prompt = std::variant<std::string, std::vector<int32_t>>;

// What the answer may be. Grammars bind the whole answer.
struct AnswerFormat {
  enum class Kind : uint8_t { kText, kJsonObject, kJsonSchema, kRegex, kGrammar };

  Kind kind = Kind::kText;
  SharedJson schema;        // of kJsonSchema
  std::string name;         // of the schema
  std::string description;  // of the schema
  bool strict = false;      // as the client said; a schema is enforced either way
  std::string source;       // the regular expression, or the EBNF grammar with the rule root
};

// Which tools the model may call. One that is forced is kRequired and alone in `allowed`.
struct ToolChoice {
  enum class Mode : uint8_t { kNone, kAuto, kRequired };

  Mode mode = Mode::kNone;
  std::vector<std::string> allowed;  // names; empty: all
};

struct CompletionRequest {
  enum class Route : uint8_t { kChat, kCompletions, kResponses, kMessages };

  Route route = Route::kChat;
  std::string model;

  // For the chat template: {"messages", "tools" unless there are none, "add_generation_prompt", "documents" and other
  // variables that were given}, to be tidied by text::normalise_conversation. Null for kCompletions.
  SharedJson conversation;
  bool continue_final_message = false;  // the answer goes on where the last message, the assistant's, ends
  std::vector<std::string> images;      // paths of the parts that are images, in the order of the prompt

  std::vector<Prompt> prompts;     // of kCompletions: at least one, answered apart
  bool add_special_tokens = true;  // to prompts that are texts
  bool echo = false;               // the answer begins with the prompt's text

  ToolChoice tool_choice;
  bool parallel_tool_calls = true;
  AnswerFormat format;

  engine::SamplingParameters sampling;  // seed: only where has_seed
  bool has_seed = false;
  int64_t max_tokens = -1;           // of each answer; -1: as many as the context holds
  int choices = 1;                   // answers to each prompt
  std::vector<std::string> stops;    // texts
  std::vector<int32_t> stop_tokens;  // besides the model's own
  bool ignore_eos = false;
  int logprobs = -1;  // -1: none; otherwise the chosen token's and so many of the best

  bool stream = false;
  bool include_usage = false;  // in a last chunk of its own
  bool store = false;
  std::string previous_response_id;
  SharedJson input_items;        // of kResponses: the items of this turn, with ids, for the store
  std::vector<SharedJson> past;  // items of the turns before, from the store

  std::string user;
  SharedJson metadata;
  int priority = 0;                         // greater goes first
  std::optional<int64_t> deadline_ms;       // after which the answer is given up
  SharedJson echoed;                        // of kResponses: fields that the response repeats
  std::vector<std::string> unknown_fields;  // paths that were let through; to be logged once

  bool has_tools() const;
  // Answers in all: choice c belongs to prompt c / choices.
  int choice_count() const { return choices * (prompts.empty() ? 1 : static_cast<int>(prompts.size())); }
};

// Token ids of the request lie in [0, vocabulary_size).
ApiResult<void> check_token_ids(const CompletionRequest& request, int64_t vocabulary_size);

}  // namespace paddock::server
