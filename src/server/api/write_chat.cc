// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "server/api/write_dialects.h"

namespace paddock::server::writing {
namespace {

const char* chat_finish(ChoiceFinished::Reason reason, bool has_calls) {
  using Reason = ChoiceFinished::Reason;
  if (reason == Reason::kLength || reason == Reason::kContextFull) return "length";
  return has_calls ? "tool_calls" : "stop";
}

Json logprobs_or_null(const CompletionRequest& request, const std::vector<TokenLogprob>& tokens) {
  if (request.logprobs < 0) return nullptr;
  return {{"content", openai_logprobs(tokens)}, {"refusal", nullptr}};
}

Json answer_message(const Choice& choice) {
  const std::string text = choice.text();
  const bool has_calls = choice.has_calls();
  Json message{{"role", "assistant"},
               {"content", has_calls && text.empty() ? Json(nullptr) : Json(text)},
               {"refusal", nullptr},
               {"annotations", Json::array()}};
  for (const AnswerPart& part : choice.parts)
    if (part.is_call)
      message["tool_calls"].push_back(
          {{"id", part.call_id}, {"type", "function"}, {"function", {{"name", part.name}, {"arguments", part.text}}}});
  return message;
}

class ChatStream : public EventWriter {
 public:
  ChatStream(const CompletionRequest& request, AnswerContext context)
      : EventWriter(request, std::move(context)), choices_(static_cast<size_t>(request.choice_count())) {}

 private:
  struct Progress {
    bool has_begun = false;
    int calls = 0;
    std::vector<TokenLogprob> logprobs;  // of tokens whose text has not been sent
  };

  void on(const TextDelta& delta) override {
    if (delta.text.empty()) return;
    begin(delta.choice, "");
    chunk(delta.choice, {{"content", delta.text}});
  }

  void on(const LogprobsDelta& delta) override {
    auto& held = choices_.at(static_cast<size_t>(delta.choice)).logprobs;
    held.insert(held.end(), delta.tokens.begin(), delta.tokens.end());
  }

  void on(const ToolCallBegun& call) override {
    begin(call.choice, nullptr);
    Progress& progress = choices_.at(static_cast<size_t>(call.choice));
    chunk(call.choice, {{"tool_calls", Json::array({{{"index", progress.calls++},
                                                     {"id", context_.identifiers.make("call_")},
                                                     {"type", "function"},
                                                     {"function", {{"name", call.name}, {"arguments", ""}}}}})}});
  }

  void on(const ArgumentsDelta& delta) override {
    const Progress& progress = choices_.at(static_cast<size_t>(delta.choice));
    if (delta.text.empty() || progress.calls == 0) return;
    chunk(delta.choice,
          {{"tool_calls", Json::array({{{"index", progress.calls - 1}, {"function", {{"arguments", delta.text}}}}})}});
  }

  void on(const ChoiceFinished& end) override {
    begin(end.choice, "");
    const bool has_calls = choices_.at(static_cast<size_t>(end.choice)).calls > 0;
    chunk(end.choice, Json::object(), chat_finish(end.reason, has_calls));
  }

  void on(const AnswerFinished& end) override {
    if (request_.include_usage) {
      Json last = frame(Json::array());
      last["usage"] = openai_usage(end.usage);
      send("", last);
    }
    send_text("[DONE]");
  }

  void fail(const ApiError& error) override { send("", openai_error(error)); }

  // The role comes first, once. Content is null where a call comes first.
  void begin(int choice, const Json& content) {
    Progress& progress = choices_.at(static_cast<size_t>(choice));
    if (std::exchange(progress.has_begun, true)) return;
    send("", frame(Json::array(
                 {choice_frame(choice, {{"role", "assistant"}, {"content", content}, {"refusal", nullptr}})})));
  }

  void chunk(int choice, Json delta, const char* finish = nullptr) {
    Json told = choice_frame(choice, std::move(delta));
    Progress& progress = choices_.at(static_cast<size_t>(choice));
    if (!progress.logprobs.empty()) told["logprobs"] = logprobs_or_null(request_, std::exchange(progress.logprobs, {}));
    if (finish) told["finish_reason"] = finish;
    send("", frame(Json::array({std::move(told)})));
  }

  static Json choice_frame(int choice, Json delta) {
    return {{"index", choice}, {"delta", std::move(delta)}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  }

  Json frame(Json choices) const {
    Json chunk{{"id", context_.id},
               {"object", "chat.completion.chunk"},
               {"created", context_.created},
               {"model", context_.model},
               {"service_tier", "default"},
               {"system_fingerprint", context_.fingerprint},
               {"choices", std::move(choices)}};
    if (request_.include_usage) chunk["usage"] = nullptr;
    return chunk;
  }

  std::vector<Progress> choices_;
};

}  // namespace

Json write_chat(const CompletionRequest& request, const AnswerContext& context, const Answer& answer) {
  Json choices = Json::array();
  for (const Choice& choice : answer.choices())
    choices.push_back({{"index", choices.size()},
                       {"message", answer_message(choice)},
                       {"logprobs", logprobs_or_null(request, choice.logprobs())},
                       {"finish_reason", chat_finish(choice.end.reason, choice.has_calls())}});
  return {{"id", context.id},
          {"object", "chat.completion"},
          {"created", context.created},
          {"model", context.model},
          {"choices", std::move(choices)},
          {"usage", openai_usage(answer.usage())},
          {"service_tier", "default"},
          {"system_fingerprint", context.fingerprint}};
}

std::unique_ptr<StreamWriter> stream_chat(const CompletionRequest& request, AnswerContext context) {
  return std::make_unique<ChatStream>(request, std::move(context));
}

}  // namespace paddock::server::writing
