// SPDX-License-Identifier: Apache-2.0
// OpenAI's chat completions, and the routes that take the same messages.
#include <nlohmann/json.hpp>

#include "server/api/fields.h"
#include "server/api/parse_common.h"
#include "server/api/shape_check.h"

namespace paddock::server {
namespace {

using namespace parsing;

// A refusal is what the assistant said.
void say_refusals(Json& message) {
  const auto content = message.find("content");
  if (content != message.end() && content->is_array())
    for (Json& part : *content)
      if (part["type"] == "refusal") part = Json{{"type", "text"}, {"text", part["refusal"]}};
  const auto refusal = message.find("refusal");
  if (refusal == message.end() || refusal->is_null()) return;
  if (!find(message, "content")) message["content"] = *refusal;
  message.erase("refusal");
}

ApiResult<void> follow_calls(const Json& message, const std::string& path, CallLedger& ledger) {
  if (message["role"] == "tool")
    return ledger.result(message["tool_call_id"].get<std::string>(), path + ".tool_call_id");
  TRY_VOID(ledger.settle(path));
  const Json* calls = find(message, "tool_calls");
  if (!calls) return {};
  for (size_t index = 0; index < calls->size(); ++index)
    TRY_VOID(ledger.call((*calls)[index]["id"].get<std::string>(), fmt::format("{}.tool_calls[{}].id", path, index)));
  return {};
}

ApiResult<void> check_something_said(const Json& message, const std::string& path) {
  const Json* calls = find(message, "tool_calls");
  if (message["role"] != "assistant" || find(message, "content") || (calls && !calls->empty())) return {};
  return invalid(path + ".content", "missing_required_parameter",
                 fmt::format("{}.content is missing; a message of the assistant has content or tool_calls", path));
}

ApiResult<void> read_messages(Json& messages, std::vector<std::string>& images) {
  CallLedger ledger;
  for (size_t index = 0; index < messages.size(); ++index) {
    const std::string path = fmt::format("messages[{}]", index);
    say_refusals(messages[index]);
    TRY_VOID(check_something_said(messages[index], path));
    TRY_VOID(follow_calls(messages[index], path, ledger));
    note_images(messages[index], path, images);
  }
  return ledger.settle("messages");
}

ToolChoice read_choice(const Json* given, bool has_tools) {
  ToolChoice choice{.mode = has_tools ? ToolChoice::Mode::kAuto : ToolChoice::Mode::kNone};
  if (!given) return choice;
  if (given->is_string()) {
    if (*given == "none") choice.mode = ToolChoice::Mode::kNone;
    if (*given == "required") choice.mode = ToolChoice::Mode::kRequired;
    return choice;
  }
  choice.mode = ToolChoice::Mode::kRequired;
  if (const Json* function = find(*given, "function")) {
    choice.allowed = {text_of(*function, "name")};
    return choice;
  }
  const Json& allowed = (*given)["allowed_tools"];
  if (allowed["mode"] == "auto") choice.mode = ToolChoice::Mode::kAuto;
  for (const Json& tool : allowed["tools"]) choice.allowed.push_back(text_of(tool["function"], "name"));
  return choice;
}

Json tools_of(Json& body) {
  const auto tools = body.find("tools");
  return tools == body.end() || tools->is_null() ? Json::array() : std::move(*tools);
}

ApiResult<void> read_tools(const Json& body, const Json& tools, CompletionRequest& request) {
  const auto names = TRY(tool_names(tools, "function.name"));
  request.tool_choice = read_choice(find(body, "tool_choice"), !tools.empty());
  request.parallel_tool_calls = flag_of(body, "parallel_tool_calls", true);
  return check_tool_choice(request.tool_choice, names, "tool_choice");
}

ApiResult<void> read_chat_logprobs(const Json& body, CompletionRequest& request) {
  const Json* best = find(body, "top_logprobs");
  const bool wanted = flag_of(body, "logprobs", false);
  if (best && integer_of(*best) > 0 && !wanted)
    return invalid("top_logprobs", "invalid_value", "top_logprobs needs logprobs to be true");
  if (wanted) request.logprobs = best ? static_cast<int>(integer_of(*best)) : 0;
  request.sampling.top_logprobs = request.logprobs;
  return {};
}

ApiResult<void> read_completion_prompts(const Json& prompt, CompletionRequest& request) {
  const auto add = [&](const Json& one) {
    if (one.is_string())
      request.prompts.emplace_back(one.get<std::string>());
    else
      request.prompts.emplace_back(token_ids_of(one));
  };
  const bool is_batch = prompt.is_array() && !prompt[0].is_number();
  if (!is_batch) {
    add(prompt);
    return {};
  }
  for (const Json& one : prompt) add(one);
  if (request.choice_count() <= shared_fields::kMostChoices) return {};
  return invalid(
      "n", "above_max_value",
      fmt::format("{} prompts with n = {} ask for {} answers; at most {} are allowed", request.prompts.size(),
                  request.choices, request.choice_count(), shared_fields::kMostChoices));
}

ApiResult<void> check_best_of(const Json& body, int choices) {
  const Json* best_of = find(body, "best_of");
  if (!best_of || integer_of(*best_of) == choices) return {};
  return invalid("best_of", "unsupported_parameter",
                 fmt::format("best_of must equal n, which is {}: answers are not ranked", choices));
}

}  // namespace

ApiResult<CompletionRequest> parse_chat(std::string_view text, const ParseLimits& limits) {
  CompletionRequest request{.route = CompletionRequest::Route::kChat};
  Json body = TRY(parse_body(text, chat_shape(), limits, request.unknown_fields));
  read_common(body, request);
  TRY_VOID(read_chat_logprobs(body, request));
  request.format = TRY(read_format(body, find(body, "response_format"), "response_format"));
  Json messages = std::move(body["messages"]);
  TRY_VOID(read_messages(messages, request.images));
  Json tools = tools_of(body);
  TRY_VOID(read_tools(body, tools, request));
  request.conversation =
      TRY(make_conversation(body, std::move(messages), std::move(tools), request.continue_final_message));
  return request;
}

ApiResult<CompletionRequest> parse_completions(std::string_view text, const ParseLimits& limits) {
  CompletionRequest request{.route = CompletionRequest::Route::kCompletions};
  const Json body = TRY(parse_body(text, completions_shape(), limits, request.unknown_fields));
  read_common(body, request);
  TRY_VOID(read_completion_prompts(body["prompt"], request));
  TRY_VOID(check_best_of(body, request.choices));
  request.format = TRY(read_format(body, find(body, "response_format"), "response_format"));
  if (request.max_tokens < 0) request.max_tokens = 16;
  if (const Json* best = find(body, "logprobs")) request.logprobs = static_cast<int>(integer_of(*best));
  request.sampling.top_logprobs = request.logprobs;
  request.echo = flag_of(body, "echo", false);
  request.add_special_tokens = flag_of(body, "add_special_tokens", true);
  if (request.echo && request.logprobs >= 0)
    return invalid("echo", "unsupported_value",
                   "echo and logprobs together need likelihoods of the prompt, which are not computed");
  return request;
}

ApiResult<TokenizeRequest> parse_tokenize(std::string_view text, const ParseLimits& limits) {
  std::vector<std::string> unknown;
  Json body = TRY(parse_body(text, tokenize_shape(), limits, unknown));
  TokenizeRequest request{.model = text_of(body, "model")};
  const Json* prompt = find_any(body, {"prompt", "content"});
  request.add_special_tokens =
      flag_of(body, find(body, "add_special_tokens") ? "add_special_tokens" : "add_special", true);
  request.parse_special = flag_of(body, "parse_special", true);
  request.with_texts = flag_of(body, "return_token_strs", false) || flag_of(body, "with_pieces", false);
  if ((prompt != nullptr) == (find(body, "messages") != nullptr))
    return invalid("prompt", "missing_required_parameter", "give either prompt, a text, or messages");
  if (prompt) {
    request.text = prompt->get<std::string>();
    return request;
  }
  Json messages = std::move(body["messages"]);
  std::vector<std::string> images;
  TRY_VOID(read_messages(messages, images));
  Json tools = tools_of(body);
  TRY_VOID(tool_names(tools, "function.name"));
  request.conversation =
      TRY(make_conversation(body, std::move(messages), std::move(tools), request.continue_final_message));
  return request;
}

ApiResult<DetokenizeRequest> parse_detokenize(std::string_view text, const ParseLimits& limits) {
  std::vector<std::string> unknown;
  const Json body = TRY(parse_body(text, detokenize_shape(), limits, unknown));
  return DetokenizeRequest{.model = text_of(body, "model"), .tokens = token_ids_of(body["tokens"])};
}

ApiResult<LoadAdapterRequest> parse_load_adapter(std::string_view text, const ParseLimits& limits) {
  std::vector<std::string> unknown;
  const Json body = TRY(parse_body(text, load_adapter_shape(), limits, unknown));
  LoadAdapterRequest request{.name = text_of(body, "lora_name"),
                             .path = text_of(body, "lora_path"),
                             .base_model = text_of(body, "base_model_name")};
  // It will stand in paths, logs and metrics.
  if (std::ranges::any_of(request.name, [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; }))
    return invalid("lora_name", "invalid_value",
                   "lora_name: expected letters that can be seen, found a control character");
  return request;
}

ApiResult<UnloadAdapterRequest> parse_unload_adapter(std::string_view text, const ParseLimits& limits) {
  std::vector<std::string> unknown;
  const Json body = TRY(parse_body(text, unload_adapter_shape(), limits, unknown));
  return UnloadAdapterRequest{.name = text_of(body, "lora_name")};
}

}  // namespace paddock::server
