// SPDX-License-Identifier: Apache-2.0
#pragma once
// From what a client asks for to what the engine is asked: text becomes tokens, a schema a filter.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/request.h"
#include "prompt/picture_reader.h"
#include "server/api/api_error.h"
#include "server/api/completion_request.h"
#include "server/inference/grammar_filter.h"
#include "server/inference/loaded_model.h"
#include "text/tool_calls.h"

namespace paddock::server {

struct PreparedRequest {
  // One for each answer, in the order of choices; without listeners.
  std::vector<engine::Request> requests;
  std::shared_ptr<const text::ToolSet> tools;  // null where nothing is looked for in the text
  text::Calls calls = text::Calls::kMayFail;
  std::vector<std::string> echoes;  // of each answer: text that it begins with
  int64_t prompt_tokens = 0;        // of all prompts
  int64_t longest_prompt = 0;
};

// Blames a field where the request cannot be answered by this model.
ApiResult<PreparedRequest> prepare(const CompletionRequest& request, const LoadedModel& model,
                                   const prompt::PictureLimits& limits, MaskCost* mask_cost);

// The prompt that a conversation becomes: its text, its tokens and its pictures.
struct RenderedPrompt {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<engine::Picture> pictures;
};
// `images`: paths of the parts that are pictures, as the client wrote them.
ApiResult<RenderedPrompt> render_prompt(const Json& conversation, bool continue_final_message,
                                        const LoadedModel& model, const prompt::PictureLimits& limits,
                                        std::span<const std::string> images = {});

// A prompt that is plain text.
std::vector<int32_t> tokenize_prompt(std::string_view text, bool add_special, bool parse_special,
                                     const LoadedModel& model);

}  // namespace paddock::server
