// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the tests of this folder: requests as text to compare, answers of a model that is not there.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "server/api/parse.h"
#include "server/api/write.h"

namespace paddock::server::testing {

// Counts: prefix1, prefix2, …
inline Identifiers counting() {
  return Identifiers([count = std::make_shared<int>(0)] { return std::to_string(++*count); });
}

inline Json shared_or_null(const SharedJson& json) { return json ? *json : Json(nullptr); }

// Everything that a request asks for.
inline Json description(const CompletionRequest& request) {
  const auto& sampling = request.sampling;
  Json prompts = Json::array();
  for (const Prompt& prompt : request.prompts) std::visit([&](const auto& one) { prompts.push_back(one); }, prompt);
  Json past = Json::array();
  for (const SharedJson& turn : request.past) past.push_back(*turn);
  return {{"model", request.model},
          {"conversation", shared_or_null(request.conversation)},
          {"continue", request.continue_final_message},
          {"images", request.images},
          {"prompts", prompts},
          {"specials", request.add_special_tokens},
          {"echo", request.echo},
          {"choice", {static_cast<int>(request.tool_choice.mode), request.tool_choice.allowed}},
          {"parallel", request.parallel_tool_calls},
          {"format",
           {static_cast<int>(request.format.kind), shared_or_null(request.format.schema), request.format.name,
            request.format.description, request.format.strict, request.format.source}},
          {"sampling",
           {sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p, sampling.repetition_penalty,
            sampling.presence_penalty, sampling.frequency_penalty, sampling.seed, sampling.top_logprobs}},
          {"bias", sampling.logit_bias},
          {"has_seed", request.has_seed},
          {"max_tokens", request.max_tokens},
          {"choices", request.choices},
          {"stops", request.stops},
          {"stop_tokens", request.stop_tokens},
          {"ignore_eos", request.ignore_eos},
          {"logprobs", request.logprobs},
          {"stream", request.stream},
          {"include_usage", request.include_usage},
          {"store", request.store},
          {"previous", request.previous_response_id},
          {"past", past},
          {"user", request.user},
          {"metadata", shared_or_null(request.metadata)},
          {"priority", request.priority},
          {"deadline", request.deadline_ms.value_or(-1)},
          {"echoed", shared_or_null(request.echoed)}};
}

inline AnswerContext example_context() {
  return {.id = "id1",
          .model = "llama",
          .created = 1'700'000'000,
          .fingerprint = "fp_1",
          .request_id = "req_1",
          .identifiers = counting()};
}

// A text and two calls.
inline std::vector<AnswerEvent> answer_with_calls() {
  return {AnswerStarted{{.prompt_tokens = 20, .cached_tokens = 8}},
          TextDelta{0, "Let me "},
          TextDelta{0, "look."},
          ToolCallBegun{0, "weather"},
          ArgumentsDelta{0, R"({"city")"},
          ArgumentsDelta{0, R"(:"Graz"})"},
          ToolCallEnded{0},
          ToolCallBegun{0, "time"},
          ArgumentsDelta{0, "{}"},
          ToolCallEnded{0},
          ChoiceFinished{.reason = ChoiceFinished::Reason::kToolCalls},
          AnswerFinished{{.prompt_tokens = 20, .cached_tokens = 8, .output_tokens = 11}}};
}

inline std::vector<AnswerEvent> answer_with_logprobs() {
  const TokenLogprob first{.chosen = {"Gr\xC3", -0.25}, .best = {{"Gr\xC3", -0.25}, {"H", -2.5}}};
  const TokenLogprob second{.chosen = {"\xBC\xC3\x9F", -std::numeric_limits<double>::infinity()}};
  return {LogprobsDelta{0, {first}}, LogprobsDelta{0, {second}}, TextDelta{0, "Grüß"},
          ChoiceFinished{.reason = ChoiceFinished::Reason::kStop, .stop_string = "!"},
          AnswerFinished{{.prompt_tokens = 5, .cached_tokens = 0, .output_tokens = 2}}};
}

inline std::vector<ServerSentEvent> streamed(StreamWriter& writer, const std::vector<AnswerEvent>& events) {
  std::vector<ServerSentEvent> all;
  for (const AnswerEvent& event : events)
    for (ServerSentEvent& sent : writer.events(event)) all.push_back(std::move(sent));
  return all;
}

inline Json whole(const CompletionRequest& request, const std::vector<AnswerEvent>& events) {
  const AnswerContext context = example_context();
  Answer answer(request, context.identifiers);
  for (const AnswerEvent& event : events) answer.add(event);
  return write_answer(request, context, answer).value();
}

}  // namespace paddock::server::testing
