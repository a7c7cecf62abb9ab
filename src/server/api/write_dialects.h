// SPDX-License-Identifier: Apache-2.0
#pragma once
// One writer a dialect, and what they share. For write.cc and the writers alone.

#include <optional>

#include "server/api/write.h"

namespace paddock::server::writing {

Json write_chat(const CompletionRequest& request, const AnswerContext& context, const Answer& answer);
Json write_completions(const CompletionRequest& request, const AnswerContext& context, const Answer& answer);
Json write_responses(const CompletionRequest& request, const AnswerContext& context, const Answer& answer);
Json write_messages(const CompletionRequest& request, const AnswerContext& context, const Answer& answer);

std::unique_ptr<StreamWriter> stream_chat(const CompletionRequest& request, AnswerContext context);
std::unique_ptr<StreamWriter> stream_completions(const CompletionRequest& request, AnswerContext context);
std::unique_ptr<StreamWriter> stream_responses(const CompletionRequest& request, AnswerContext context);
std::unique_ptr<StreamWriter> stream_messages(const CompletionRequest& request, AnswerContext context);

// {"prompt_tokens", "completion_tokens", "total_tokens", …}, of chat and completions.
Json openai_usage(const Usage& usage);
// {"token", "logprob", "bytes", "top_logprobs"}, of chat and responses.
Json openai_logprob(const TokenLogprob& token);
Json openai_logprobs(const std::vector<TokenLogprob>& tokens);
// Clients want numbers: what has no chance at all is -9999, as in the hosted API.
double finite(double logprob);
// As text; a part of a character is U+FFFD.
std::string token_text(const TokenChance& chance);

// Why an answer that ended so is none.
std::optional<ApiError> failure_of(ChoiceFinished::Reason reason);

// Takes events until the stream has ended; failures of an answer end it.
class EventWriter : public StreamWriter {
 public:
  EventWriter(const CompletionRequest& request, AnswerContext context)
      : request_(request), context_(std::move(context)) {}

  std::vector<ServerSentEvent> events(const AnswerEvent& event) final;
  std::vector<ServerSentEvent> error(const ApiError& error) final;

 protected:
  virtual void on(const AnswerStarted&) {}
  virtual void on(const TextDelta& delta) = 0;
  virtual void on(const LogprobsDelta&) {}
  virtual void on(const ToolCallBegun&) {}
  virtual void on(const ArgumentsDelta&) {}
  virtual void on(const ToolCallEnded&) {}
  virtual void on(const ChoiceFinished& end) = 0;
  virtual void on(const AnswerFinished& end) = 0;
  virtual void fail(const ApiError& error) = 0;

  void send(std::string name, const Json& data);
  void send_text(std::string data) { out_.push_back({"", std::move(data)}); }

  const CompletionRequest& request_;
  AnswerContext context_;

 private:
  std::vector<ServerSentEvent> out_;
  bool has_ended_ = false;
};

}  // namespace paddock::server::writing
