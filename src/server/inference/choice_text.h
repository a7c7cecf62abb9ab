// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens of one answer to what clients hear of it: whole characters, stop strings cut off, calls told apart.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"
#include "server/api/answer_event.h"
#include "server/api/completion_request.h"
#include "server/inference/loaded_model.h"
#include "text/stop_strings.h"
#include "text/stream_decoder.h"
#include "text/tool_calls.h"

namespace paddock::server {

class ChoiceText {
 public:
  // `tools` null: the text is taken as it is.
  ChoiceText(int choice, const CompletionRequest& request, const LoadedModel& model,
             std::shared_ptr<const text::ToolSet> tools, text::Calls calls = text::Calls::kMayFail);

  // What a token adds. Nothing once the answer has ended.
  std::vector<AnswerEvent> push(const engine::Event& event);
  // A stop string has come: the engine need not go on.
  bool found_stop() const { return stops_.found(); }

  std::vector<AnswerEvent> finish(engine::FinishReason reason, bool context_is_full);
  bool is_finished() const { return finished_; }
  int64_t tokens() const { return tokens_; }         // that count: up to a stop string
  const std::string& text() const { return text_; }  // as the model wrote it, without special tokens

 private:
  void add_text(std::string text, std::vector<AnswerEvent>& events);
  void add_calls(std::vector<text::ToolCallEvent> found, std::vector<AnswerEvent>& events);

  const int choice_;
  const LoadedModel& model_;
  const std::vector<int32_t> stop_tokens_;
  text::StreamDecoder decoder_;
  text::StopStrings stops_;
  std::optional<text::ToolCallParser> calls_;
  std::string text_;
  int64_t tokens_ = 0;
  bool has_calls_ = false;
  bool finished_ = false;
};

}  // namespace paddock::server
