// SPDX-License-Identifier: Apache-2.0
#include "server/api/openapi.h"

#include <nlohmann/json.hpp>

#include "server/api/answer_schemas.h"
#include "server/api/fields.h"
#include "server/api/shape_schema.h"

namespace paddock::server {
namespace {

Json reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json json_content(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

enum class ErrorShape : uint8_t { kOpenAi, kAnthropic, kEither };

// The statuses that every route may answer with, and what they mean.
void add_errors(Json& responses, ErrorShape shape) {
  Json schema = reference(shape == ErrorShape::kAnthropic ? "AnthropicError" : "OpenAiError");
  if (shape == ErrorShape::kEither) schema = {{"anyOf", Json::array({schema, reference("AnthropicError")})}};
  const std::pair<const char*, const char*> statuses[] = {
      {"400", "The request is wrong; the message says where"},
      {"401", "The key is missing or unknown"},
      {"403", "The key may not do this"},
      {"404", "No such model, response or route"},
      {"405", "The route knows other methods"},
      {"413", "The body is too large"},
      {"415", "The body is not JSON"},
      {"429", "Too many requests or tokens; retry-after says when to come again"},
      {"500", "A mistake of the server"},
      {"503", "The server is not ready"},
      {"504", "The deadline passed"},
      {"529", "Too many requests wait"},
  };
  for (const auto& [status, meaning] : statuses)
    if (!responses.contains(status)) responses[status] = {{"description", meaning}, {"content", json_content(schema)}};
}

struct Operation {
  const char* summary;
  const char* request = nullptr;  // names of schemas
  const char* answer = nullptr;
  ErrorShape errors = ErrorShape::kOpenAi;
  bool streams = false;
};

Json operation(const Operation& described) {
  Json content = json_content(reference(described.answer));
  if (described.streams) content["text/event-stream"] = Json::object();
  Json responses{{"200", {{"description", "The answer"}, {"content", std::move(content)}}}};
  add_errors(responses, described.errors);
  Json written{{"summary", described.summary}};
  if (described.request)
    written["requestBody"] = {{"required", true}, {"content", json_content(reference(described.request))}};
  written["responses"] = std::move(responses);
  return written;
}

Json parameter(const char* place, const char* name, Json schema, bool is_required = false) {
  return {{"name", name}, {"in", place}, {"required", is_required}, {"schema", std::move(schema)}};
}

Json path_parameter(const char* name, const char* pattern) {
  return parameter("path", name, {{"type", "string"}, {"pattern", pattern}}, true);
}

Json model_paths() {
  Json list =
      operation({.summary = "The models that are served", .answer = "ModelList", .errors = ErrorShape::kEither});
  list["parameters"] = {parameter("header", "anthropic-version", {{"type", "string"}}),
                        parameter("query", "after_id", {{"type", "string"}}),
                        parameter("query", "before_id", {{"type", "string"}}),
                        parameter("query", "limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}})};
  list["description"] =
      "With the header anthropic-version in Anthropic's shape, by pages; without it all, in OpenAI's.";
  Json one = operation({.summary = "One model", .answer = "Model", .errors = ErrorShape::kEither});
  one["parameters"] = {path_parameter("model", "^[^\\x00-\\x1f\\x7f]+$"),
                       parameter("header", "anthropic-version", {{"type", "string"}})};
  return {{"/v1/models", {{"get", std::move(list)}}}, {"/v1/models/{model}", {{"get", std::move(one)}}}};
}

Json stored_response_paths() {
  Json read = operation({.summary = "A response that was stored", .answer = "Response"});
  Json remove = operation({.summary = "Forget a response", .answer = "DeletedResponse"});
  Json items = operation({.summary = "The input of a response", .answer = "ItemList"});
  items["parameters"] = {parameter("query", "after", {{"type", "string"}}),
                         parameter("query", "limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", 100}}),
                         parameter("query", "order", {{"type", "string"}, {"enum", {"asc", "desc"}}})};
  const Json id = Json::array({path_parameter("response_id", "^[A-Za-z0-9_-]+$")});
  return {
      {"/v1/responses/{response_id}", {{"parameters", id}, {"get", std::move(read)}, {"delete", std::move(remove)}}},
      {"/v1/responses/{response_id}/input_items", {{"parameters", id}, {"get", std::move(items)}}}};
}

// What the id of a response is good for.
Json links_of_a_response() {
  const auto link = [](const char* path, const char* method) {
    return Json{{"operationRef", std::string("#/paths/") + path + "/" + method},
                {"parameters", {{"response_id", "$response.body#/id"}}}};
  };
  const char* one = "~1v1~1responses~1{response_id}";
  return {{"read", link(one, "get")},
          {"forget", link(one, "delete")},
          {"input", link("~1v1~1responses~1{response_id}~1input_items", "get")}};
}

Json generating_paths() {
  const auto post = [](const Operation& described) { return Json{{"post", operation(described)}}; };
  Json paths{
      {"/v1/chat/completions", post({.summary = "Answer a conversation",
                                     .request = "ChatRequest",
                                     .answer = "ChatCompletion",
                                     .streams = true})},
      {"/v1/chat/completions/render",
       post({.summary = "The prompt that a conversation becomes", .request = "ChatRequest", .answer = "Rendered"})},
      {"/v1/completions", post({.summary = "Continue a text",
                                .request = "CompletionsRequest",
                                .answer = "TextCompletion",
                                .streams = true})},
      {"/v1/responses",
       post({.summary = "Answer items", .request = "ResponsesRequest", .answer = "Response", .streams = true})},
      {"/v1/messages", post({.summary = "Answer messages",
                             .request = "MessagesRequest",
                             .answer = "Message",
                             .errors = ErrorShape::kAnthropic,
                             .streams = true})},
      {"/v1/messages/count_tokens", post({.summary = "Count the tokens of messages",
                                          .request = "CountTokensRequest",
                                          .answer = "TokenCount",
                                          .errors = ErrorShape::kAnthropic})},
      {"/tokenize", post({.summary = "Text to token ids", .request = "TokenizeRequest", .answer = "Tokens"})},
      {"/detokenize", post({.summary = "Token ids to text", .request = "DetokenizeRequest", .answer = "Detokenized"})},
      {"/v1/load_lora_adapter",
       post(
           {.summary = "Serve an adapter of the server's folder", .request = "LoadAdapterRequest", .answer = "Model"})},
      {"/v1/unload_lora_adapter",
       post({.summary = "Serve an adapter no longer", .request = "UnloadAdapterRequest", .answer = "UnloadedAdapter"})},
  };
  paths["/v1/responses"]["post"]["responses"]["200"]["links"] = links_of_a_response();
  return paths;
}

Json schemas() {
  Json all{{"ChatRequest", json_schema(chat_shape())},
           {"CompletionsRequest", json_schema(completions_shape())},
           {"ResponsesRequest", json_schema(responses_shape())},
           {"MessagesRequest", json_schema(messages_shape())},
           {"CountTokensRequest", json_schema(count_tokens_shape())},
           {"TokenizeRequest", json_schema(tokenize_shape())},
           {"DetokenizeRequest", json_schema(detokenize_shape())},
           {"LoadAdapterRequest", json_schema(load_adapter_shape())},
           {"UnloadAdapterRequest", json_schema(unload_adapter_shape())}};
  all.update(answer_schemas());
  return all;
}

}  // namespace

Json write_openapi(std::string_view version, bool needs_key, const Json& further_paths) {
  Json paths = model_paths();
  paths.update(generating_paths());
  paths.update(stored_response_paths());
  for (const auto& [path, operations] : further_paths.items()) {
    paths[path] = operations;
    for (auto& [method, described] : paths[path].items()) add_errors(described["responses"], ErrorShape::kOpenAi);
  }
  Json security = Json::array({{{"bearer", Json::array()}}, {{"x-api-key", Json::array()}}});
  if (!needs_key) security.push_back(Json::object());
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Paddock"}, {"version", version}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", schemas()},
            {"securitySchemes",
             {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
              {"x-api-key", {{"type", "apiKey"}, {"in", "header"}, {"name", "x-api-key"}}}}}}},
          {"security", std::move(security)}};
}

}  // namespace paddock::server
