// SPDX-License-Identifier: Apache-2.0
#include "server/api/write.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "server/api/write_dialects.h"

namespace paddock::server {

using Route = CompletionRequest::Route;

std::string answer_id(Route route, const Identifiers& identifiers) {
  switch (route) {
    case Route::kChat: return identifiers.make("chatcmpl-");
    case Route::kCompletions: return identifiers.make("cmpl-");
    case Route::kResponses: return identifiers.make("resp_");
    case Route::kMessages: break;
  }
  return identifiers.make("msg_");
}

Dialect dialect_of(Route route) { return route == Route::kMessages ? Dialect::kAnthropic : Dialect::kOpenAi; }

std::string ServerSentEvent::text() const {
  if (name.empty() && data.empty()) return ": keep-alive\n\n";
  return (name.empty() ? "" : "event: " + name + "\n") + "data: " + data + "\n\n";
}

std::unique_ptr<StreamWriter> make_stream_writer(const CompletionRequest& request, AnswerContext context) {
  switch (request.route) {
    case Route::kChat: return writing::stream_chat(request, std::move(context));
    case Route::kCompletions: return writing::stream_completions(request, std::move(context));
    case Route::kResponses: return writing::stream_responses(request, std::move(context));
    case Route::kMessages: break;
  }
  return writing::stream_messages(request, std::move(context));
}

ApiResult<Json> write_answer(const CompletionRequest& request, const AnswerContext& context, const Answer& answer) {
  for (const Choice& choice : answer.choices())
    if (auto failure = writing::failure_of(choice.end.reason)) return tl::unexpected(std::move(*failure));
  switch (request.route) {
    case Route::kChat: return writing::write_chat(request, context, answer);
    case Route::kCompletions: return writing::write_completions(request, context, answer);
    case Route::kResponses: return writing::write_responses(request, context, answer);
    case Route::kMessages: break;
  }
  return writing::write_messages(request, context, answer);
}

std::string Choice::text() const {
  std::string whole;
  for (const AnswerPart& part : parts)
    if (!part.is_call) whole += part.text;
  return whole;
}

bool Choice::has_calls() const {
  for (const AnswerPart& part : parts)
    if (part.is_call) return true;
  return false;
}

std::vector<TokenLogprob> Choice::logprobs() const {
  std::vector<TokenLogprob> all;
  for (const AnswerPart& part : parts) all.insert(all.end(), part.logprobs.begin(), part.logprobs.end());
  return all;
}

Answer::Answer(const CompletionRequest& request, const Identifiers& identifiers)
    : choices_(static_cast<size_t>(request.choice_count())),
      call_prefix_(request.route == Route::kMessages ? "toolu_" : "call_"),
      identifiers_(identifiers) {}

AnswerPart& Answer::last_text(int choice) {
  std::vector<AnswerPart>& parts = choices_.at(static_cast<size_t>(choice)).parts;
  if (parts.empty() || parts.back().is_call) parts.emplace_back();
  return parts.back();
}

void Answer::add(const AnswerEvent& event) {
  if (const auto* started = std::get_if<AnswerStarted>(&event)) usage_ = started->usage;
  if (const auto* delta = std::get_if<TextDelta>(&event); delta && !delta->text.empty())
    last_text(delta->choice).text += delta->text;
  if (const auto* delta = std::get_if<LogprobsDelta>(&event)) {
    auto& logprobs = last_text(delta->choice).logprobs;
    logprobs.insert(logprobs.end(), delta->tokens.begin(), delta->tokens.end());
  }
  if (const auto* call = std::get_if<ToolCallBegun>(&event))
    choices_.at(static_cast<size_t>(call->choice))
        .parts.push_back({.is_call = true, .name = call->name, .call_id = identifiers_.make(call_prefix_)});
  if (const auto* delta = std::get_if<ArgumentsDelta>(&event)) {
    auto& parts = choices_.at(static_cast<size_t>(delta->choice)).parts;
    if (!parts.empty() && parts.back().is_call) parts.back().text += delta->text;
  }
  if (const auto* end = std::get_if<ChoiceFinished>(&event)) choices_.at(static_cast<size_t>(end->choice)).end = *end;
  if (const auto* finished = std::get_if<AnswerFinished>(&event)) usage_ = finished->usage;
}

Json write_token_count(int64_t tokens) { return {{"input_tokens", tokens}}; }

Json write_tokens(const std::vector<int32_t>& tokens, int64_t context_tokens, const std::vector<std::string>* texts) {
  Json answer{{"count", tokens.size()}, {"max_model_len", context_tokens}, {"tokens", tokens}};
  if (!texts) return answer;
  answer["token_strs"] = Json::array();
  for (const std::string& text : *texts) answer["token_strs"].push_back(replace_invalid_utf8(text));
  return answer;
}

Json write_detokenized(std::string_view text) {
  const std::string valid = replace_invalid_utf8(text);
  return {{"prompt", valid}, {"content", valid}};
}

Json write_rendered(std::string_view prompt, const std::vector<int32_t>& tokens) {
  return {{"prompt", replace_invalid_utf8(prompt)}, {"count", tokens.size()}, {"tokens", tokens}};
}

namespace writing {

Json openai_usage(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.output_tokens},
          {"total_tokens", usage.prompt_tokens + usage.output_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"audio_tokens", 0}}},
          {"completion_tokens_details",
           {{"reasoning_tokens", 0},
            {"audio_tokens", 0},
            {"accepted_prediction_tokens", 0},
            {"rejected_prediction_tokens", 0}}}};
}

double finite(double logprob) { return std::isfinite(logprob) ? logprob : -9999.0; }

std::string token_text(const TokenChance& chance) { return replace_invalid_utf8(chance.bytes); }

Json chance_entry(const TokenChance& chance) {
  Json bytes = Json::array();
  for (const char byte : chance.bytes) bytes.push_back(static_cast<uint8_t>(byte));
  return {{"token", token_text(chance)}, {"logprob", finite(chance.logprob)}, {"bytes", std::move(bytes)}};
}

Json openai_logprob(const TokenLogprob& token) {
  Json entry = chance_entry(token.chosen);
  entry["top_logprobs"] = Json::array();
  for (const TokenChance& chance : token.best) entry["top_logprobs"].push_back(chance_entry(chance));
  return entry;
}

Json openai_logprobs(const std::vector<TokenLogprob>& tokens) {
  Json entries = Json::array();
  for (const TokenLogprob& token : tokens) entries.push_back(openai_logprob(token));
  return entries;
}

std::optional<ApiError> failure_of(ChoiceFinished::Reason reason) {
  if (reason == ChoiceFinished::Reason::kError)
    return ApiError{.kind = ApiErrorKind::kServer,
                    .message = "The model's output was not a number; the answer so far cannot be trusted"};
  if (reason == ChoiceFinished::Reason::kCancelled)
    return ApiError{.kind = ApiErrorKind::kTimeout,
                    .message = "The request was cancelled before its answer was complete"};
  return std::nullopt;
}

std::vector<ServerSentEvent> EventWriter::events(const AnswerEvent& event) {
  if (has_ended_) return {};
  if (const auto* end = std::get_if<ChoiceFinished>(&event))
    if (const auto failure = failure_of(end->reason)) return error(*failure);
  std::visit([this](const auto& one) { on(one); }, event);
  has_ended_ = std::holds_alternative<AnswerFinished>(event);
  return std::exchange(out_, {});
}

std::vector<ServerSentEvent> EventWriter::error(const ApiError& error) {
  if (has_ended_) return {};
  has_ended_ = true;
  fail(error);
  return std::exchange(out_, {});
}

void EventWriter::send(std::string name, const Json& data) { out_.push_back({std::move(name), json_text(data)}); }

}  // namespace writing
}  // namespace paddock::server
