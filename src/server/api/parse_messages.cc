// SPDX-License-Identifier: Apache-2.0
// Anthropic's messages, said as chat messages.
#include <nlohmann/json.hpp>

#include "server/api/fields.h"
#include "server/api/parse_common.h"
#include "server/api/shape_check.h"

namespace paddock::server {
namespace {

using namespace parsing;

Json text_piece(const Json& block) { return {{"type", "text"}, {"text", block["text"]}}; }

Json image_piece(const Json& block) {
  const Json& source = block["source"];
  if (source["type"] == "url") return {{"type", "image_url"}, {"image_url", {{"url", source["url"]}}}};
  const std::string url = fmt::format("data:{};base64,{}", source["media_type"].get_ref<const std::string&>(),
                                      source["data"].get_ref<const std::string&>());
  return {{"type", "image_url"}, {"image_url", {{"url", url}}}};
}

std::string joined_texts(const Json& blocks) {
  std::string text;
  for (const Json& block : blocks) text += (text.empty() ? "" : "\n") + block["text"].get_ref<const std::string&>();
  return text;
}

Json system_content(const Json& given) { return given.is_string() ? given : Json(joined_texts(given)); }

// One of Anthropic's messages may become several: results of tools are messages of their own in chat.
class Translator {
 public:
  explicit Translator(std::vector<std::string>& images) : images_(images) {}

  ApiResult<void> add(const Json& message, const std::string& path) {
    if (message["role"] == "system") {
      TRY_VOID(ledger_.settle(path));
      push({{"role", "system"}, {"content", system_content(message["content"])}});
      return {};
    }
    if (message["content"].is_string()) {
      TRY_VOID(ledger_.settle(path));
      push({{"role", message["role"]}, {"content", message["content"]}});
      return {};
    }
    return message["role"] == "user" ? add_user_blocks(message["content"], path)
                                     : add_assistant_blocks(message["content"], path);
  }

  ApiResult<Json> finish() {
    TRY_VOID(ledger_.settle("messages"));
    return std::move(messages_);
  }

  void push(Json message) { messages_.push_back(std::move(message)); }

 private:
  ApiResult<void> add_user_blocks(const Json& blocks, const std::string& path) {
    Json rest = Json::array();
    for (size_t index = 0; index < blocks.size(); ++index) {
      const std::string here = fmt::format("{}.content[{}]", path, index);
      const std::string& type = blocks[index]["type"].get_ref<const std::string&>();
      if (type == "tool_result") {
        TRY_VOID(add_result(blocks[index], here));
      } else {
        if (type == "image") images_.push_back(here);
        rest.push_back(type == "image" ? image_piece(blocks[index]) : text_piece(blocks[index]));
      }
    }
    TRY_VOID(ledger_.settle(path));
    if (!rest.empty()) push({{"role", "user"}, {"content", std::move(rest)}});
    return {};
  }

  ApiResult<void> add_result(const Json& block, const std::string& path) {
    const std::string id = text_of(block, "tool_use_id");
    TRY_VOID(ledger_.result(id, path + ".tool_use_id"));
    push({{"role", "tool"}, {"tool_call_id", id}, {"content", result_content(block, path)}});
    return {};
  }

  Json result_content(const Json& block, const std::string& path) {
    const std::string before = flag_of(block, "is_error", false) ? "Error: " : "";
    const Json* content = find(block, "content");
    if (!content) return before;
    if (content->is_string()) return before + content->get_ref<const std::string&>();
    Json pieces = Json::array();
    if (!before.empty()) pieces.push_back({{"type", "text"}, {"text", before}});
    for (size_t index = 0; index < content->size(); ++index) {
      const Json& piece = (*content)[index];
      const bool is_image = piece["type"] == "image";
      if (is_image) images_.push_back(fmt::format("{}.content[{}]", path, index));
      pieces.push_back(is_image ? image_piece(piece) : text_piece(piece));
    }
    return pieces;
  }

  ApiResult<void> add_assistant_blocks(const Json& blocks, const std::string& path) {
    TRY_VOID(ledger_.settle(path));
    std::string text;
    std::string thinking;
    Json calls = Json::array();
    for (size_t index = 0; index < blocks.size(); ++index) {
      const Json& block = blocks[index];
      const std::string& type = block["type"].get_ref<const std::string&>();
      if (type == "text") text += block["text"].get_ref<const std::string&>();
      if (type == "thinking") thinking += block["thinking"].get_ref<const std::string&>();
      if (type != "tool_use") continue;
      const std::string id = text_of(block, "id");
      TRY_VOID(ledger_.call(id, fmt::format("{}.content[{}].id", path, index)));
      calls.push_back({{"id", id},
                       {"type", "function"},
                       {"function", {{"name", block["name"]}, {"arguments", json_text(block["input"])}}}});
    }
    Json message{{"role", "assistant"}, {"content", text}};
    if (!thinking.empty()) message["reasoning_content"] = thinking;
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
    push(std::move(message));
    return {};
  }

  Json messages_ = Json::array();
  CallLedger ledger_;
  std::vector<std::string>& images_;
};

Json translated_tools(const Json* given) {
  Json tools = Json::array();
  if (!given) return tools;
  for (const Json& tool : *given) {
    Json function{{"name", tool["name"]}};
    for (const char* key : {"description", "strict"})
      if (const Json* value = find(tool, key)) function[key] = *value;
    function["parameters"] = tool["input_schema"];
    tools.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return tools;
}

void read_tool_choice(const Json* given, bool has_tools, CompletionRequest& request) {
  using Mode = ToolChoice::Mode;
  request.tool_choice.mode = has_tools ? Mode::kAuto : Mode::kNone;
  if (!given) return;
  const std::string type = text_of(*given, "type");
  if (type == "none") request.tool_choice.mode = Mode::kNone;
  if (type == "any" || type == "tool") request.tool_choice.mode = Mode::kRequired;
  if (type == "tool") request.tool_choice.allowed = {text_of(*given, "name")};
  request.parallel_tool_calls = !flag_of(*given, "disable_parallel_tool_use", false);
}

ApiResult<void> read_messages_prompt(const Json& body, CompletionRequest& request) {
  Translator translator(request.images);
  if (const Json* system = find(body, "system"))
    translator.push({{"role", "system"}, {"content", system_content(*system)}});
  const Json& given = body["messages"];
  for (size_t index = 0; index < given.size(); ++index)
    TRY_VOID(translator.add(given[index], fmt::format("messages[{}]", index)));
  Json messages = TRY(translator.finish());
  Json tools = translated_tools(find(body, "tools"));
  const auto names = TRY(tool_names(tools, "name"));
  read_tool_choice(find(body, "tool_choice"), !tools.empty(), request);
  TRY_VOID(check_tool_choice(request.tool_choice, names, "tool_choice"));
  // An answer that was begun is gone on with.
  request.continue_final_message = messages.back()["role"] == "assistant";
  request.conversation =
      TRY(make_conversation(body, std::move(messages), std::move(tools), request.continue_final_message));
  return {};
}

ApiResult<void> read_output_format(const Json& body, CompletionRequest& request) {
  const Json* config = find(body, "output_config");
  const Json* format = config ? find(*config, "format") : nullptr;
  const char* path = format ? "output_config.format" : "output_format";
  request.format = TRY(read_format(body, format ? format : find(body, "output_format"), path));
  return {};
}

}  // namespace

ApiResult<CompletionRequest> parse_messages(std::string_view text, const ParseLimits& limits) {
  CompletionRequest request{.route = CompletionRequest::Route::kMessages};
  const Json body = TRY(parse_body(text, messages_shape(), limits, request.unknown_fields));
  read_common(body, request);
  TRY_VOID(read_output_format(body, request));
  TRY_VOID(read_messages_prompt(body, request));
  if (const Json* metadata = find(body, "metadata"); metadata && find(*metadata, "user_id"))
    request.user = text_of(*metadata, "user_id");
  return request;
}

ApiResult<CompletionRequest> parse_count_tokens(std::string_view text, const ParseLimits& limits) {
  CompletionRequest request{.route = CompletionRequest::Route::kMessages};
  const Json body = TRY(parse_body(text, count_tokens_shape(), limits, request.unknown_fields));
  request.model = text_of(body, "model");
  TRY_VOID(read_output_format(body, request));
  TRY_VOID(read_messages_prompt(body, request));
  return request;
}

}  // namespace paddock::server
