// SPDX-License-Identifier: Apache-2.0
#pragma once
// Answers in the dialects: whole, or as the events of a stream.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api/answer_event.h"
#include "server/api/api_error.h"
#include "server/api/completion_request.h"
#include "server/api/identifiers.h"

namespace paddock::server {

// What every answer says of itself.
struct AnswerContext {
  std::string id;           // made by answer_id
  std::string model;        // as it is served
  int64_t created = 0;      // seconds of Unix time
  std::string fingerprint;  // of program, model and machine: equal ones give equal answers to equal seeds
  std::string request_id;   // of errors in Anthropic's dialect
  Identifiers identifiers;  // of calls and items
};

// chatcmpl-…, cmpl-…, resp_… or msg_…
std::string answer_id(CompletionRequest::Route route, const Identifiers& identifiers);

Dialect dialect_of(CompletionRequest::Route route);

// One event of a stream. With neither name nor data it is a comment that keeps the connection alive.
struct ServerSentEvent {
  std::string name;  // empty: none
  std::string data;

  // The bytes on the wire, with the empty line at the end.
  std::string text() const;
};

// Events of a neutral answer to those of a dialect. For one thread at a time; the request must live as long.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;

  // In the order that answer_event.h gives. AnswerFinished ends the stream.
  virtual std::vector<ServerSentEvent> events(const AnswerEvent& event) = 0;

  // Ends the stream in the middle.
  virtual std::vector<ServerSentEvent> error(const ApiError& error) = 0;

  // While there is nothing to say.
  virtual ServerSentEvent keep_alive() const { return {}; }

  // The response object of a stream of /v1/responses that has ended, for the store. Null for others.
  virtual SharedJson response() const { return nullptr; }
};

std::unique_ptr<StreamWriter> make_stream_writer(const CompletionRequest& request, AnswerContext context);

// One tool call, or the text between two.
struct AnswerPart {
  bool is_call = false;
  std::string text;  // or the arguments
  std::string name;
  std::string call_id;
  std::vector<TokenLogprob> logprobs;  // of text
};

struct Choice {
  std::vector<AnswerPart> parts;
  ChoiceFinished end;

  std::string text() const;
  bool has_calls() const;
  std::vector<TokenLogprob> logprobs() const;
};

// Events put together into whole answers. Calls get their ids here.
class Answer {
 public:
  Answer(const CompletionRequest& request, const Identifiers& identifiers);

  void add(const AnswerEvent& event);

  const std::vector<Choice>& choices() const { return choices_; }
  const Usage& usage() const { return usage_; }

 private:
  AnswerPart& last_text(int choice);

  std::vector<Choice> choices_;
  Usage usage_;
  const char* call_prefix_;
  Identifiers identifiers_;
};

// The body of an answer that is not streamed. An answer that ended in an error or was cancelled is an error instead.
ApiResult<Json> write_answer(const CompletionRequest& request, const AnswerContext& context, const Answer& answer);

// {"input_tokens"}
Json write_token_count(int64_t tokens);

// What /tokenize answers; `texts` where they were asked for.
Json write_tokens(const std::vector<int32_t>& tokens, int64_t context_tokens, const std::vector<std::string>* texts);
Json write_detokenized(std::string_view text);
// What /v1/chat/completions/render answers.
Json write_rendered(std::string_view prompt, const std::vector<int32_t>& tokens);

}  // namespace paddock::server
