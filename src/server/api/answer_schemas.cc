// SPDX-License-Identifier: Apache-2.0
#include "server/api/answer_schemas.h"

#include <nlohmann/json.hpp>

namespace paddock::server {
namespace {

Json kind(const char* type) { return {{"type", type}}; }

Json nullable(const char* type) { return {{"type", {type, "null"}}}; }

Json always(const char* word) { return {{"const", word}}; }

Json one_word(std::vector<std::string> allowed) { return {{"type", "string"}, {"enum", std::move(allowed)}}; }

Json list_of(Json element) { return {{"type", "array"}, {"items", std::move(element)}}; }

// All members are always there.
Json record(Json members) {
  Json needed = Json::array();
  for (const auto& [name, schema] : members.items()) needed.push_back(name);
  return {{"type", "object"}, {"properties", std::move(members)}, {"required", std::move(needed)}};
}

Json nullable_record(Json members) {
  Json schema = record(std::move(members));
  schema["type"] = {"object", "null"};
  return schema;
}

Json openai_usage_schema() {
  return record({{"prompt_tokens", kind("integer")},
                 {"completion_tokens", kind("integer")},
                 {"total_tokens", kind("integer")},
                 {"prompt_tokens_details", record({{"cached_tokens", kind("integer")}})},
                 {"completion_tokens_details", record({{"reasoning_tokens", kind("integer")}})}});
}

Json logprob_schema() {
  const Json chance =
      record({{"token", kind("string")}, {"logprob", kind("number")}, {"bytes", list_of(kind("integer"))}});
  Json token = chance;
  token["properties"]["top_logprobs"] = list_of(chance);
  return token;
}

Json chat_completion_schema() {
  const Json call = record({{"id", kind("string")},
                            {"type", always("function")},
                            {"function", record({{"name", kind("string")}, {"arguments", kind("string")}})}});
  Json message =
      record({{"role", always("assistant")}, {"content", nullable("string")}, {"refusal", nullable("string")}});
  message["properties"]["tool_calls"] = list_of(call);
  const Json choice = record({{"index", kind("integer")},
                              {"message", message},
                              {"logprobs", nullable_record({{"content", list_of(logprob_schema())}})},
                              {"finish_reason", one_word({"stop", "length", "tool_calls"})}});
  return record({{"id", kind("string")},
                 {"object", always("chat.completion")},
                 {"created", kind("integer")},
                 {"model", kind("string")},
                 {"choices", list_of(choice)},
                 {"usage", openai_usage_schema()},
                 {"system_fingerprint", kind("string")}});
}

Json text_completion_schema() {
  const Json logprobs = nullable_record({{"tokens", list_of(kind("string"))},
                                         {"token_logprobs", list_of(kind("number"))},
                                         {"top_logprobs", list_of(kind("object"))},
                                         {"text_offset", list_of(kind("integer"))}});
  const Json choice = record({{"index", kind("integer")},
                              {"text", kind("string")},
                              {"logprobs", logprobs},
                              {"finish_reason", one_word({"stop", "length"})}});
  return record({{"id", kind("string")},
                 {"object", always("text_completion")},
                 {"created", kind("integer")},
                 {"model", kind("string")},
                 {"choices", list_of(choice)},
                 {"usage", openai_usage_schema()},
                 {"system_fingerprint", kind("string")}});
}

Json response_schema() {
  const Json usage = nullable_record({{"input_tokens", kind("integer")},
                                      {"input_tokens_details", record({{"cached_tokens", kind("integer")}})},
                                      {"output_tokens", kind("integer")},
                                      {"output_tokens_details", record({{"reasoning_tokens", kind("integer")}})},
                                      {"total_tokens", kind("integer")}});
  const Json item = record({{"id", kind("string")},
                            {"type", one_word({"message", "function_call"})},
                            {"status", one_word({"in_progress", "completed", "incomplete"})}});
  return record({{"id", kind("string")},
                 {"object", always("response")},
                 {"created_at", kind("integer")},
                 {"status", one_word({"completed", "incomplete", "failed", "in_progress"})},
                 {"error", nullable_record({{"code", kind("string")}, {"message", kind("string")}})},
                 {"incomplete_details", nullable_record({{"reason", kind("string")}})},
                 {"model", kind("string")},
                 {"output", list_of(item)},
                 {"usage", usage},
                 {"instructions", nullable("string")},
                 {"metadata", kind("object")},
                 {"parallel_tool_calls", kind("boolean")},
                 {"previous_response_id", nullable("string")},
                 {"store", kind("boolean")},
                 {"temperature", kind("number")},
                 {"text", kind("object")},
                 {"tool_choice", {{"type", {"string", "object"}}}},
                 {"tools", list_of(kind("object"))},
                 {"top_p", kind("number")}});
}

Json message_schema() {
  const Json text = record({{"type", always("text")}, {"text", kind("string")}});
  const Json call = record(
      {{"type", always("tool_use")}, {"id", kind("string")}, {"name", kind("string")}, {"input", kind("object")}});
  return record({{"id", kind("string")},
                 {"type", always("message")},
                 {"role", always("assistant")},
                 {"model", kind("string")},
                 {"content", list_of({{"anyOf", Json::array({text, call})}})},
                 {"stop_reason",
                  one_word({"end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"})},
                 {"stop_sequence", nullable("string")},
                 {"usage", record({{"input_tokens", kind("integer")},
                                   {"cache_creation_input_tokens", kind("integer")},
                                   {"cache_read_input_tokens", kind("integer")},
                                   {"output_tokens", kind("integer")}})}});
}

Json model_schema() {
  const Json openai = record({{"id", kind("string")},
                              {"object", always("model")},
                              {"created", kind("integer")},
                              {"owned_by", kind("string")}});
  const Json anthropic = record({{"type", always("model")},
                                 {"id", kind("string")},
                                 {"display_name", kind("string")},
                                 {"created_at", kind("string")}});
  return {{"anyOf", Json::array({openai, anthropic})}};
}

Json model_list_schema() {
  const Json openai = record({{"object", always("list")}, {"data", list_of(model_schema())}});
  const Json anthropic = record({{"data", list_of(model_schema())},
                                 {"first_id", nullable("string")},
                                 {"last_id", nullable("string")},
                                 {"has_more", kind("boolean")}});
  return {{"anyOf", Json::array({openai, anthropic})}};
}

Json openai_error_schema() {
  return record({{"error", record({{"message", kind("string")},
                                   {"type", kind("string")},
                                   {"param", nullable("string")},
                                   {"code", nullable("string")}})}});
}

Json anthropic_error_schema() {
  return record({{"type", always("error")},
                 {"error", record({{"type", kind("string")}, {"message", kind("string")}})},
                 {"request_id", kind("string")}});
}

}  // namespace

Json answer_schemas() {
  const Json ids = list_of(kind("integer"));
  return {{"ChatCompletion", chat_completion_schema()},
          {"TextCompletion", text_completion_schema()},
          {"Response", response_schema()},
          {"DeletedResponse",
           record({{"id", kind("string")}, {"object", always("response")}, {"deleted", {{"const", true}}}})},
          {"ItemList", record({{"object", always("list")},
                               {"data", list_of(kind("object"))},
                               {"first_id", kind("string")},
                               {"last_id", kind("string")},
                               {"has_more", kind("boolean")}})},
          {"Message", message_schema()},
          {"TokenCount", record({{"input_tokens", kind("integer")}})},
          {"Tokens", record({{"count", kind("integer")}, {"max_model_len", kind("integer")}, {"tokens", ids}})},
          {"Detokenized", record({{"prompt", kind("string")}, {"content", kind("string")}})},
          {"Rendered", record({{"prompt", kind("string")}, {"count", kind("integer")}, {"tokens", ids}})},
          {"UnloadedAdapter",
           record({{"id", kind("string")}, {"object", always("model")}, {"deleted", {{"const", true}}}})},
          {"Model", model_schema()},
          {"ModelList", model_list_schema()},
          {"OpenAiError", openai_error_schema()},
          {"AnthropicError", anthropic_error_schema()}};
}

}  // namespace paddock::server
