// SPDX-License-Identifier: Apache-2.0
#include "server/inference/choice_text.h"

#include <utility>

namespace paddock::server {
namespace {

// Special tokens that are part of how a model writes calls.
bool is_marker(std::string_view bytes) { return bytes == "<|python_start|>" || bytes == "<|python_end|>"; }

}  // namespace

ChoiceText::ChoiceText(int choice, const CompletionRequest& request, const LoadedModel& model,
                       std::shared_ptr<const text::ToolSet> tools, text::Calls calls)
    : choice_(choice),
      model_(model),
      stop_tokens_(request.stop_tokens),
      decoder_(*model.tokenizer, text::SpecialText::kSkip),
      stops_(request.stops) {
  if (tools) calls_.emplace(std::move(tools), calls);
}

std::vector<AnswerEvent> ChoiceText::push(const engine::Event& event) {
  std::vector<AnswerEvent> events;
  if (finished_ || stops_.found() || !event.token) return events;
  ++tokens_;
  if (event.logprobs) {
    const auto bytes_of = [&](int32_t token) { return std::string(model_.tokenizer->token_bytes(token)); };
    TokenLogprob logprob{{bytes_of(*event.token), event.logprobs->chosen}, {}};
    for (const auto& [token, chance] : event.logprobs->best) logprob.best.push_back({bytes_of(token), chance});
    events.emplace_back(LogprobsDelta{choice_, {std::move(logprob)}});
  }
  const std::string_view bytes = model_.tokenizer->token_bytes(*event.token);
  std::string piece = decoder_.push(*event.token);
  if (calls_ && model_.tokenizer->is_special(*event.token) && is_marker(bytes)) piece += bytes;
  add_text(stops_.push(piece), events);
  return events;
}

void ChoiceText::add_text(std::string text, std::vector<AnswerEvent>& events) {
  if (text.empty()) return;
  text_ += text;
  if (calls_)
    add_calls(calls_->push(text), events);
  else
    events.emplace_back(TextDelta{choice_, std::move(text)});
}

void ChoiceText::add_calls(std::vector<text::ToolCallEvent> found, std::vector<AnswerEvent>& events) {
  using Kind = text::ToolCallEvent::Kind;
  for (text::ToolCallEvent& one : found) switch (one.kind) {
      case Kind::kContent: events.emplace_back(TextDelta{choice_, std::move(one.text)}); break;
      case Kind::kCallBegins:
        has_calls_ = true;
        events.emplace_back(ToolCallBegun{choice_, std::move(one.text)});
        break;
      case Kind::kArguments: events.emplace_back(ArgumentsDelta{choice_, std::move(one.text)}); break;
      case Kind::kCallEnds: events.emplace_back(ToolCallEnded{choice_}); break;
    }
}

std::vector<AnswerEvent> ChoiceText::finish(engine::FinishReason reason, bool context_is_full) {
  using Reason = ChoiceFinished::Reason;
  std::vector<AnswerEvent> events;
  if (finished_) return events;
  finished_ = true;
  const bool stopped = stops_.found();
  if (!stopped) {
    add_text(stops_.push(decoder_.flush()), events);
    if (!stops_.found()) add_text(stops_.flush(), events);
  }
  const bool truncated = !stopped && reason != engine::FinishReason::kStop;
  if (calls_) add_calls(calls_->finish(truncated), events);
  ChoiceFinished end{choice_, Reason::kStop, {}};
  if (stops_.found())
    end.stop_string = stops_.found_string();
  else
    switch (reason) {
      case engine::FinishReason::kStop: break;
      case engine::FinishReason::kLength: end.reason = context_is_full ? Reason::kContextFull : Reason::kLength; break;
      case engine::FinishReason::kCancelled:
      case engine::FinishReason::kTimeout: end.reason = Reason::kCancelled; break;
      case engine::FinishReason::kError: end.reason = Reason::kError; break;
    }
  if (has_calls_ && end.reason == Reason::kStop) end.reason = Reason::kToolCalls;
  events.emplace_back(end);
  return events;
}

}  // namespace paddock::server
