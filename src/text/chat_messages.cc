// SPDX-License-Identifier: Apache-2.0
#include "text/chat_messages.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace paddock::text {
namespace {

// One level below what parse_json lets pass, so that no function here or in a template recurses further.
constexpr int kMaxConversationDepth = 256;

template <typename... Args>
tl::unexpected<Error> wrong(fmt::format_string<Args...> format, Args&&... args) {
  return error(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

// The value of a key that is there and not null.
const Json* find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool is_one_of(const Json& value, std::initializer_list<std::string_view> words) {
  if (!value.is_string()) return false;
  const std::string_view text = value.get_ref<const std::string&>();
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_nested_too_deeply(const Json& json, int depth = 1) {
  if (!json.is_structured()) return false;
  if (depth > kMaxConversationDepth) return true;
  return std::any_of(json.begin(), json.end(), [&](const Json& item) { return is_nested_too_deeply(item, depth + 1); });
}

Result<void> check_parts(const Json& parts, const std::string& where) {
  for (size_t index = 0; index < parts.size(); ++index) {
    const Json& part = parts[index];
    if (!part.is_object())
      return wrong("{}.content[{}] must be an object with a \"type\", not {}", where, index, part.type_name());
    const Json* type = find(part, "type");
    if (!type || !type->is_string())
      return wrong("{}.content[{}] needs a \"type\" that is a text, such as \"text\" or \"image\"", where, index);
    const bool is_text = is_one_of(*type, {"text", "input_text", "output_text"});
    if (is_text && (!find(part, "text") || !find(part, "text")->is_string()))
      return wrong("{}.content[{}] is of type {} and needs a \"text\" that is a text", where, index,
                   type->get_ref<const std::string&>());
  }
  return {};
}

Result<void> check_content(const Json& message, const std::string& where) {
  const Json* content = find(message, "content");
  const bool is_result = is_one_of(message["role"], {"tool", "ipython", "function"});
  const bool may_lack_content = is_result || is_one_of(message["role"], {"assistant"});
  if (!content) {
    if (may_lack_content) return {};
    return wrong("{} has no \"content\"; give a text or a list of parts", where);
  }
  // The result of a tool may be any value.
  if (content->is_string() || is_result) return {};
  if (!content->is_array())
    return wrong("{}.content must be a text or a list of parts, not {}", where, content->type_name());
  return check_parts(*content, where);
}

Result<void> check_calls(const Json& message, const std::string& where) {
  const Json* calls = find(message, "tool_calls");
  if (!calls) return {};
  if (!calls->is_array()) return wrong("{}.tool_calls must be a list, not {}", where, calls->type_name());
  for (size_t index = 0; index < calls->size(); ++index) {
    const Json& call = (*calls)[index];
    const Json* function = call.is_object() ? find(call, "function") : nullptr;
    if (!function || !function->is_object())
      return wrong("{}.tool_calls[{}] needs a \"function\" that is an object", where, index);
    if (!find(*function, "name") || !find(*function, "name")->is_string())
      return wrong("{}.tool_calls[{}].function needs a \"name\" that is a text", where, index);
  }
  return {};
}

Result<void> check_message(const Json& message, size_t index) {
  const std::string where = fmt::format("messages[{}]", index);
  if (!message.is_object())
    return wrong("{} must be an object with \"role\" and \"content\", not {}", where, message.type_name());
  const Json* role = find(message, "role");
  if (!role || !role->is_string() || role->get_ref<const std::string&>().empty())
    return wrong("{} needs a \"role\" that is a text: system, user, assistant or tool", where);
  TRY_VOID(check_content(message, where));
  return check_calls(message, where);
}

Result<void> check_objects(const Json& conversation, const char* key) {
  const Json* list = find(conversation, key);
  if (!list) return {};
  if (!list->is_array()) return wrong("{} must be a list of objects, not {}", key, list->type_name());
  for (size_t index = 0; index < list->size(); ++index)
    if (!(*list)[index].is_object())
      return wrong("{}[{}] must be an object, not {}", key, index, (*list)[index].type_name());
  return {};
}

bool is_text_part(const Json& part) { return is_one_of(part["type"], {"text"}); }

bool has_only_text_parts(const Json& content) {
  return content.is_array() && std::all_of(content.begin(), content.end(), [](const Json& part) {
           return part.is_object() && part.contains("type") && is_text_part(part) && part.contains("text") &&
                  part["text"].is_string();
         });
}

void join_text_parts(Json& message) {
  const auto content = message.find("content");
  if (content == message.end() || !has_only_text_parts(*content)) return;
  std::string text;
  for (const Json& part : *content) text += part["text"].get_ref<const std::string&>();
  *content = std::move(text);
}

void normalise_part(Json& part) {
  if (!part.is_object() || !part.contains("type")) return;
  if (is_one_of(part["type"], {"image_url", "input_image"}))
    part = Json{{"type", "image"}};
  else if (is_one_of(part["type"], {"input_text", "output_text"}))
    part["type"] = "text";
}

// A text that is not a JSON object stays: what a model once wrote must not make its conversation unusable.
void parse_arguments(Json& call) {
  if (!call.is_object() || !call.contains("function") || !call["function"].is_object()) return;
  const auto arguments = call["function"].find("arguments");
  if (arguments == call["function"].end() || !arguments->is_string()) return;
  const std::string& text = arguments->get_ref<const std::string&>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    *arguments = Json::object();
    return;
  }
  if (auto parsed = parse_json(text, "arguments", {.exact_integers = true}); parsed && parsed->is_object())
    *arguments = std::move(*parsed);
}

// Templates read it as reasoning_content; some as thinking, which comes first where it was missing.
void name_reasoning(Json& message) {
  const Json* reasoning = nullptr;
  for (const char* key : {"reasoning_content", "thinking", "reasoning"})
    if (!reasoning) reasoning = find(message, key);
  if (!reasoning) return;
  const Json value = *reasoning;
  Json named = Json::object();
  if (!message.contains("thinking")) named["thinking"] = value;
  for (const auto& [key, item] : message.items()) append_new_key(named, key, item);
  named["reasoning_content"] = value;
  message = std::move(named);
}

Json without_nulls(const Json& message) {
  Json kept = Json::object();
  for (const auto& [key, value] : message.items()) {
    const bool is_empty_list = key == "tool_calls" && value.is_array() && value.empty();
    if (!value.is_null() && !is_empty_list) append_new_key(kept, key, value);
  }
  return kept;
}

// For templates that know content alone: the calls as the model would have written them, and content in any case.
void tell_calls_as_text(Json& message) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end()) return;
  std::string text;
  for (const Json& call : *calls) {
    const Json* function = find(call, "function");
    const Json& named = function == nullptr ? call : *function;
    Json told{{"name", named.value("name", "")}};
    told["parameters"] = named.contains("arguments") ? named["arguments"] : Json::object();
    text += (text.empty() ? "" : "\n") + told.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  const auto content = message.find("content");
  if (content == message.end())
    message["content"] = text;
  else if (content->is_string())
    *content = content->get<std::string>() + (content->get_ref<const std::string&>().empty() ? "" : "\n") + text;
}

Result<Json> normalise_message(const Json& given, size_t index, const TemplateTraits& traits) {
  Json message = without_nulls(given);
  if (!traits.knows_developer && message["role"] == "developer") message["role"] = "system";
  if (const auto calls = message.find("tool_calls"); calls != message.end())
    for (Json& call : *calls) parse_arguments(call);
  const auto content = message.find("content");
  if (content != message.end() && content->is_array())
    for (Json& part : *content) normalise_part(part);
  const bool is_result = is_one_of(message["role"], {"tool", "ipython", "function"});
  if (!traits.knows_calls) tell_calls_as_text(message);
  if (!traits.knows_parts || is_result || message["role"] == "system") join_text_parts(message);
  if (!traits.knows_parts && !is_result && content != message.end() && content->is_array())
    return error(ErrorCode::kUnsupported,
                 "messages[{}] holds more than text, and the model's chat template takes text only", index);
  name_reasoning(message);
  return message;
}

// Whether the first message that is not the system's holds more than text, so that tools cannot be printed before its
// text. Joins it where it does not.
bool first_user_message_has_more_than_text(Json& messages) {
  const size_t first = messages[0]["role"] == "system" ? 1 : 0;
  if (first >= messages.size()) return false;
  join_text_parts(messages[first]);
  return messages[first].contains("content") && messages[first]["content"].is_array();
}

// Tools go into the first user message, or into the system message: then there must be one.
void place_tools(Json& conversation) {
  if (!find(conversation, "tools") && !find(conversation, "custom_tools")) return;
  const auto goes_into_user_message = [&] {
    const auto variable = conversation.find("tools_in_user_message");
    return variable == conversation.end() || *variable != false;
  };
  if (goes_into_user_message() && first_user_message_has_more_than_text(conversation["messages"]))
    conversation["tools_in_user_message"] = false;
  Json& messages = conversation["messages"];
  if (goes_into_user_message() || messages[0]["role"] == "system") return;
  messages.insert(messages.begin(), Json{{"role", "system"}, {"content", ""}});
}

}  // namespace

TemplateTraits TemplateTraits::of(std::string_view source) {
  const auto mentions = [&](std::string_view word) { return source.find(word) != std::string_view::npos; };
  return {.knows_parts = mentions("'text'") || mentions("\"text\"") || mentions(".text"),
          .knows_developer = mentions("'developer'") || mentions("\"developer\""),
          .tools_in_user_message = mentions("tools_in_user_message"),
          .knows_calls = mentions("tool_calls")};
}

Result<void> check_conversation(const Json& conversation) {
  if (!conversation.is_object())
    return wrong("a conversation must be an object with \"messages\", not {}", conversation.type_name());
  if (is_nested_too_deeply(conversation))
    return wrong("the conversation is nested deeper than {} levels", kMaxConversationDepth);
  const Json* messages = find(conversation, "messages");
  if (!messages || !messages->is_array()) return wrong("a conversation needs \"messages\" that are a list");
  if (messages->empty()) return wrong("messages is empty; give at least one message");
  for (size_t index = 0; index < messages->size(); ++index) TRY_VOID(check_message((*messages)[index], index));
  TRY_VOID(check_objects(conversation, "tools"));
  TRY_VOID(check_objects(conversation, "documents"));
  const Json* prompt = find(conversation, "add_generation_prompt");
  if (prompt && !prompt->is_boolean())
    return wrong("add_generation_prompt must be true or false, not {}", prompt->type_name());
  return {};
}

Result<Json> normalise_conversation(const Json& conversation, const TemplateTraits& traits) {
  TRY_VOID(check_conversation(conversation));
  Json normal = Json::object();
  for (const auto& [key, value] : conversation.items())
    if (key != "messages") append_new_key(normal, key, value);
  Json messages = Json::array();
  const Json& given = conversation["messages"];
  for (size_t index = 0; index < given.size(); ++index)
    messages.push_back(TRY(normalise_message(given[index], index, traits)));
  normal["messages"] = std::move(messages);
  if (const Json* tools = find(normal, "tools"); tools && tools->empty()) normal["tools"] = nullptr;
  if (traits.tools_in_user_message) place_tools(normal);
  return normal;
}

}  // namespace paddock::text
