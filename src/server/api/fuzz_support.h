// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the fuzz targets of this folder: what is refused can be told, and what is accepted can be answered.

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/utf8.h"
#include "server/api/parse.h"
#include "server/api/write.h"

namespace paddock::server::fuzzing {

inline Identifiers constant_identifiers() {
  return Identifiers([] { return std::string("1"); });
}

inline void check_refusal(const ApiError& error) {
  CHECK(!error.message.empty() && is_valid_utf8(error.message));
  CHECK(error.message.size() < 4096);
  for (const Dialect dialect : {Dialect::kOpenAi, Dialect::kAnthropic}) {
    const HttpAnswer answer = http_error(error, dialect, "req_1");
    CHECK(answer.status >= 400 && answer.status < 500);
    CHECK(Json::accept(answer.body));
  }
}

inline void check_answers(const CompletionRequest& request) {
  const AnswerContext context{
      .id = "id", .model = request.model, .fingerprint = "fp", .identifiers = constant_identifiers()};
  Answer answer(request, context.identifiers);
  const auto writer = make_stream_writer(request, context);
  const auto hear = [&](const AnswerEvent& event) {
    answer.add(event);
    for (const ServerSentEvent& sent : writer->events(event)) CHECK(sent.data == "[DONE]" || Json::accept(sent.data));
  };
  hear(AnswerStarted{});
  for (int choice = 0; choice < request.choice_count(); ++choice) {
    hear(LogprobsDelta{choice, {{.chosen = {"\xC3", -1}}}});
    hear(TextDelta{choice, "text"});
    hear(ToolCallBegun{choice, "tool"});
    hear(ArgumentsDelta{choice, "{\"a\":"});
    hear(ToolCallEnded{choice});
    hear(ChoiceFinished{.choice = choice});
  }
  hear(AnswerFinished{});
  const auto body = write_answer(request, context, answer);
  CHECK(body && Json::accept(json_text(*body)));
}

inline void check_parsed(const ApiResult<CompletionRequest>& parsed) {
  if (!parsed) return check_refusal(parsed.error());
  for (const std::string& path : parsed->unknown_fields) CHECK(is_valid_utf8(path));
  check_answers(*parsed);
}

}  // namespace paddock::server::fuzzing
