// SPDX-License-Identifier: Apache-2.0
#include "server/inference/prepare.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "grammar/grammar.h"

namespace paddock::server {
namespace {

// An error of a layer that does not know of fields, with the one that is to blame.
tl::unexpected<ApiError> blame(const char* param, const Error& error) {
  ApiError api = to_api_error(error);
  if (api.param.empty()) api.param = param;
  return tl::unexpected(std::move(api));
}

uint64_t random_seed() {
  static thread_local std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

// The template ends the last message as if it were complete; the answer goes on before that end.
void reopen_last_message(const Json& conversation, text::RenderedText& rendered) {
  const Json& messages = conversation["messages"];
  const Json* content =
      messages.empty() || !messages.back().contains("content") ? nullptr : &messages.back()["content"];
  if (content == nullptr || !content->is_string()) return;
  const auto& said = content->get_ref<const std::string&>();
  for (size_t span = rendered.size(); span-- > 0;) {
    if (rendered[span].from_template) continue;
    const size_t at = rendered[span].text.rfind(said);
    if (at != std::string::npos) rendered[span].text.resize(at + said.size());
    rendered.resize(span + 1);
    return;
  }
}

const Json* tools_of(const CompletionRequest& request) {
  if (request.conversation == nullptr || !request.conversation->contains("tools")) return nullptr;
  const Json& tools = (*request.conversation)["tools"];
  return tools.is_array() && !tools.empty() ? &tools : nullptr;
}

const Json& function_of(const Json& tool) { return tool.contains("function") ? tool["function"] : tool; }

// Calls that must come are guaranteed by a grammar.
Result<grammar::Grammar::Pointer> grammar_of_calls(const CompletionRequest& request, const Json& tools) {
  std::vector<grammar::ToolSchema> schemas;
  for (const Json& tool : tools) {
    const Json& function = function_of(tool);
    const auto name = function.value("name", std::string());
    const auto& allowed = request.tool_choice.allowed;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), name) == allowed.end()) continue;
    const bool has_schema =
        function.contains("parameters") && function["parameters"].is_object() && !function["parameters"].empty();
    schemas.push_back({name, has_schema ? &function["parameters"] : nullptr});
  }
  return grammar::Grammar::tool_calls(schemas, {.parallel = request.parallel_tool_calls});
}

Result<grammar::Grammar::Pointer> grammar_of_format(const AnswerFormat& format) {
  switch (format.kind) {
    case AnswerFormat::Kind::kText: break;
    case AnswerFormat::Kind::kJsonObject: return grammar::Grammar::from_json_object();
    case AnswerFormat::Kind::kJsonSchema:
      return grammar::Grammar::from_json_schema(*format.schema, {.close_objects = format.strict});
    case AnswerFormat::Kind::kRegex: return grammar::Grammar::from_regex(format.source);
    case AnswerFormat::Kind::kGrammar: return grammar::Grammar::from_ebnf(format.source);
  }
  return grammar::Grammar::Pointer();
}

const char* format_param(const CompletionRequest& request) {
  switch (request.format.kind) {
    case AnswerFormat::Kind::kRegex: return "regex";
    case AnswerFormat::Kind::kGrammar: return "grammar";
    default: return request.route == CompletionRequest::Route::kResponses ? "text.format" : "response_format";
  }
}

// To one of which the answer belongs; none: it may be anything. With a format, a model that may call either calls or
// answers in the format.
ApiResult<std::vector<grammar::Grammar::Pointer>> grammars_of(const CompletionRequest& request) {
  const Json* tools = tools_of(request);
  const bool may_call = tools != nullptr && request.tool_choice.mode != ToolChoice::Mode::kNone;
  const bool must_call = may_call && request.tool_choice.mode == ToolChoice::Mode::kRequired;
  auto format = grammar_of_format(request.format);
  if (!format) return blame(format_param(request), format.error());
  std::vector<grammar::Grammar::Pointer> grammars;
  if (*format && !must_call) grammars.push_back(std::move(*format));
  if (must_call || (may_call && !grammars.empty())) {
    auto calls = grammar_of_calls(request, *tools);
    if (!calls) return blame("tools", calls.error());
    grammars.push_back(std::move(*calls));
  }
  return grammars;
}

const char* code_of_picture(ErrorCode code) {
  switch (code) {
    case ErrorCode::kLimit: return "image_too_large";
    case ErrorCode::kNotAllowed: return "image_url_not_allowed";
    case ErrorCode::kIo:
    case ErrorCode::kCancelled: return "image_fetch_failed";
    default: return "invalid_image";
  }
}

// The part that is to blame stands at the beginning of the message.
tl::unexpected<ApiError> blame_picture(const Error& error) {
  const size_t colon = error.message.find(": ");
  return invalid(error.message.substr(0, colon == std::string::npos ? 0 : colon), code_of_picture(error.code),
                 error.message);
}

ApiResult<std::vector<RenderedPrompt>> prompts_of(const CompletionRequest& request, const LoadedModel& model,
                                                  const prompt::PictureLimits& limits) {
  std::vector<RenderedPrompt> prompts;
  if (request.conversation) {
    auto rendered = render_prompt(*request.conversation, request.continue_final_message, model, limits, request.images);
    if (!rendered) return tl::unexpected(std::move(rendered).error());
    prompts.push_back(std::move(*rendered));
  }
  for (const Prompt& prompt : request.prompts) {
    auto tokens = std::holds_alternative<std::string>(prompt)
                      ? tokenize_prompt(std::get<std::string>(prompt), request.add_special_tokens, false, model)
                      : std::get<std::vector<int32_t>>(prompt);
    prompts.push_back({{}, std::move(tokens), {}});
  }
  return prompts;
}

}  // namespace

ApiResult<RenderedPrompt> render_prompt(const Json& conversation, bool continue_final_message, const LoadedModel& model,
                                        const prompt::PictureLimits& limits, std::span<const std::string> images) {
  Json given = conversation;
  if (continue_final_message) given["add_generation_prompt"] = false;
  auto rendered = model.chat_template->render(given);
  if (!rendered) return blame("messages", rendered.error());
  if (continue_final_message) reopen_last_message(given, *rendered);
  RenderedPrompt prompt;
  for (const text::RenderedSpan& span : *rendered) prompt.text += span.text;
  auto pictured =
      prompt::read_pictures(conversation, model.tokenizer->encode(*rendered), model.pictures.get(), limits, images);
  if (!pictured) return blame_picture(pictured.error());
  prompt.tokens = std::move(pictured->tokens);
  prompt.pictures = std::move(pictured->pictures);
  return prompt;
}

std::vector<int32_t> tokenize_prompt(std::string_view text, bool add_special, bool parse_special,
                                     const LoadedModel& model) {
  const text::Tokenizer& tokenizer = *model.tokenizer;
  std::vector<int32_t> tokens = tokenizer.encode(text, parse_special ? text::Specials::kAll : text::Specials::kNone);
  if (add_special && tokenizer.add_bos() && tokenizer.bos() && (tokens.empty() || tokens.front() != *tokenizer.bos()))
    tokens.insert(tokens.begin(), *tokenizer.bos());
  return tokens;
}

ApiResult<PreparedRequest> prepare(const CompletionRequest& request, const LoadedModel& model,
                                   const prompt::PictureLimits& limits, MaskCost* mask_cost) {
  if (const auto ids = check_token_ids(request, model.tokenizer->vocab_size()); !ids)
    return tl::unexpected(ids.error());
  auto prompts = prompts_of(request, model, limits);
  if (!prompts) return tl::unexpected(std::move(prompts).error());
  auto compiled = grammars_of(request);
  if (!compiled) return tl::unexpected(std::move(compiled).error());

  PreparedRequest prepared;
  if (request.conversation) {
    const Json* tools = request.tool_choice.mode == ToolChoice::Mode::kNone ? nullptr : tools_of(request);
    const auto set = text::ToolSet::from_json(tools == nullptr ? Json() : *tools, "tools");
    if (!set) return blame("tools", set.error());
    prepared.tools = std::make_shared<text::ToolSet>(*set);
    if (tools != nullptr && request.tool_choice.mode == ToolChoice::Mode::kRequired)
      prepared.calls = text::Calls::kGuaranteed;
  }
  engine::Request base;
  base.sampling = request.sampling;
  if (!request.has_seed) base.sampling.seed = random_seed();
  if (request.logprobs >= 0) base.sampling.top_logprobs = request.logprobs;
  base.max_tokens = request.max_tokens;
  if (!request.ignore_eos) base.stop_tokens = model.stop_tokens;
  base.stop_tokens.insert(base.stop_tokens.end(), request.stop_tokens.begin(), request.stop_tokens.end());
  base.priority = request.priority;
  if (request.deadline_ms)
    base.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(*request.deadline_ms);

  for (const RenderedPrompt& prompt : *prompts) {
    const auto length = static_cast<int64_t>(prompt.tokens.size());
    prepared.prompt_tokens += length;
    prepared.longest_prompt = std::max(prepared.longest_prompt, length);
    for (int choice = 0; choice < request.choices; ++choice) {
      engine::Request one = base;
      one.prompt = prompt.tokens;
      one.pictures = prompt.pictures;
      one.sampling.seed += static_cast<uint64_t>(choice);
      if (!compiled->empty()) {
        const auto vocabulary = model.mask_vocabulary();
        std::vector<grammar::Matcher> matchers;
        for (const auto& grammar : *compiled) matchers.emplace_back(grammar, vocabulary);
        one.filter = std::make_shared<GrammarFilter>(std::move(matchers), vocabulary->mask_words(), mask_cost);
      }
      prepared.echoes.push_back(request.echo ? model.tokenizer->decode(prompt.tokens, text::SpecialText::kSkip) : "");
      prepared.requests.push_back(std::move(one));
    }
  }
  return prepared;
}

}  // namespace paddock::server
