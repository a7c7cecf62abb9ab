// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/api/write_dialects.h"

namespace paddock::server::writing {
namespace {

const char* completion_finish(ChoiceFinished::Reason reason) {
  using Reason = ChoiceFinished::Reason;
  return reason == Reason::kLength || reason == Reason::kContextFull ? "length" : "stop";
}

size_t characters_in(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// Four lists side by side. `offset`: characters of the answer before the first token; moved behind the last.
Json parallel_logprobs(const std::vector<TokenLogprob>& tokens, size_t& offset) {
  Json lists{{"tokens", Json::array()},
             {"token_logprobs", Json::array()},
             {"top_logprobs", Json::array()},
             {"text_offset", Json::array()}};
  for (const TokenLogprob& token : tokens) {
    const std::string text = token_text(token.chosen);
    Json best = Json::object();
    for (const TokenChance& chance : token.best) best[token_text(chance)] = finite(chance.logprob);
    lists["tokens"].push_back(text);
    lists["token_logprobs"].push_back(finite(token.chosen.logprob));
    lists["top_logprobs"].push_back(std::move(best));
    lists["text_offset"].push_back(offset);
    offset += characters_in(text);
  }
  return lists;
}

class CompletionsStream : public EventWriter {
 public:
  CompletionsStream(const CompletionRequest& request, AnswerContext context)
      : EventWriter(request, std::move(context)), choices_(static_cast<size_t>(request.choice_count())) {}

 private:
  struct Progress {
    size_t offset = 0;
    std::vector<TokenLogprob> logprobs;  // of tokens whose text has not been sent
  };

  void on(const TextDelta& delta) override {
    if (!delta.text.empty()) chunk(delta.choice, delta.text, nullptr);
  }

  void on(const LogprobsDelta& delta) override {
    auto& held = choices_.at(static_cast<size_t>(delta.choice)).logprobs;
    held.insert(held.end(), delta.tokens.begin(), delta.tokens.end());
  }

  void on(const ChoiceFinished& end) override { chunk(end.choice, "", completion_finish(end.reason)); }

  void on(const AnswerFinished& end) override {
    if (request_.include_usage) {
      Json last = frame(Json::array());
      last["usage"] = openai_usage(end.usage);
      send("", last);
    }
    send_text("[DONE]");
  }

  void fail(const ApiError& error) override { send("", openai_error(error)); }

  void chunk(int choice, const std::string& text, const char* finish) {
    Progress& progress = choices_.at(static_cast<size_t>(choice));
    Json logprobs = nullptr;
    if (!progress.logprobs.empty()) logprobs = parallel_logprobs(std::exchange(progress.logprobs, {}), progress.offset);
    send("", frame(Json::array({{{"index", choice},
                                 {"text", text},
                                 {"logprobs", std::move(logprobs)},
                                 {"finish_reason", finish ? Json(finish) : Json(nullptr)}}})));
  }

  Json frame(Json choices) const {
    Json chunk{{"id", context_.id},
               {"object", "text_completion"},
               {"created", context_.created},
               {"model", context_.model},
               {"system_fingerprint", context_.fingerprint},
               {"choices", std::move(choices)}};
    if (request_.include_usage) chunk["usage"] = nullptr;
    return chunk;
  }

  std::vector<Progress> choices_;
};

}  // namespace

Json write_completions(const CompletionRequest& request, const AnswerContext& context, const Answer& answer) {
  Json choices = Json::array();
  for (const Choice& choice : answer.choices()) {
    size_t offset = 0;
    choices.push_back(
        {{"index", choices.size()},
         {"text", choice.text()},
         {"logprobs", request.logprobs < 0 ? Json(nullptr) : parallel_logprobs(choice.logprobs(), offset)},
         {"finish_reason", completion_finish(choice.end.reason)}});
  }
  return {{"id", context.id},
          {"object", "text_completion"},
          {"created", context.created},
          {"model", context.model},
          {"choices", std::move(choices)},
          {"usage", openai_usage(answer.usage())},
          {"system_fingerprint", context.fingerprint}};
}

std::unique_ptr<StreamWriter> stream_completions(const CompletionRequest& request, AnswerContext context) {
  return std::make_unique<CompletionsStream>(request, std::move(context));
}

}  // namespace paddock::server::writing
