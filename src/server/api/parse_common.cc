// SPDX-License-Identifier: Apache-2.0
#include "server/api/parse_common.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "server/api/shape_check.h"

namespace paddock::server {
namespace {

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& byte : low)
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  return low;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

ApiResult<void> check_content_type(std::string_view content_type) {
  const std::string type = lower(trimmed(content_type.substr(0, content_type.find(';'))));
  const bool is_json = type == "application/json" || (type.starts_with("application/") && type.ends_with("+json"));
  if (is_json) return {};
  return tl::unexpected(
      ApiError{.kind = ApiErrorKind::kUnsupportedMedia,
               .message = fmt::format("The body must be JSON with content-type application/json, not {}",
                                      type.empty() ? "without one" : in_quotes(type))});
}

namespace parsing {
namespace {

const Json* own_or_extension(const Json& body, std::initializer_list<std::string_view> names, const char*& found_as) {
  for (const std::string_view name : names)
    if (const Json* value = find(body, name)) {
      found_as = name.data();
      return value;
    }
  return nullptr;
}

float real_of(const Json& body, std::initializer_list<std::string_view> names, float otherwise) {
  const Json* value = find_any(body, names);
  return value ? static_cast<float>(value->get<double>()) : otherwise;
}

void read_logit_bias(const Json& body, engine::SamplingParameters& sampling) {
  const Json* biases = find(body, "logit_bias");
  if (!biases) return;
  for (const auto& [name, bias] : biases->items()) {
    int32_t id = 0;
    std::from_chars(name.data(), name.data() + name.size(), id);
    sampling.logit_bias.emplace_back(id, static_cast<float>(bias.get<double>()));
  }
}

void read_sampling(const Json& body, CompletionRequest& request) {
  engine::SamplingParameters& sampling = request.sampling;
  sampling.temperature = real_of(body, {"temperature"}, 1);
  // The engine wants a part of the probability above none: as little as the most likely token has.
  sampling.top_p = std::max(real_of(body, {"top_p"}, 1), std::numeric_limits<float>::min());
  sampling.min_p = real_of(body, {"min_p"}, 0);
  sampling.presence_penalty = real_of(body, {"presence_penalty"}, 0);
  sampling.frequency_penalty = real_of(body, {"frequency_penalty"}, 0);
  sampling.repetition_penalty = real_of(body, {"repetition_penalty", "repeat_penalty"}, 1);
  if (const Json* top_k = find(body, "top_k"))
    sampling.top_k = static_cast<int32_t>(std::max<int64_t>(integer_of(*top_k), 0));
  if (const Json* seed = find(body, "seed")) {
    sampling.seed = static_cast<uint64_t>(integer_of(*seed));
    request.has_seed = true;
  }
  read_logit_bias(body, sampling);
}

std::string escaped_for_regex(std::string_view text) {
  std::string escaped;
  for (const char byte : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(byte) != std::string_view::npos) escaped += '\\';
    escaped += byte;
  }
  return escaped;
}

std::string one_of(const Json& choices) {
  std::string pattern;
  for (const Json& choice : choices)
    pattern += (pattern.empty() ? "(?:" : "|") + escaped_for_regex(choice.get_ref<const std::string&>());
  return pattern + ")";
}

AnswerFormat own_format(const Json& own) {
  const std::string type = text_of(own, "type");
  AnswerFormat format;
  if (type == "json_object") format.kind = AnswerFormat::Kind::kJsonObject;
  if (type != "json_schema") return format;
  // Chat puts it one level deeper than the others.
  const Json* nested = find(own, "json_schema");
  const Json& described = nested ? *nested : own;
  format.kind = AnswerFormat::Kind::kJsonSchema;
  format.schema = share(described["schema"]);
  format.name = text_of(described, "name");
  format.description = text_of(described, "description");
  format.strict = flag_of(described, "strict", false);
  return format;
}

// About how many values a JSON text holds: commas and opening brackets outside of texts.
size_t value_count(std::string_view body) {
  size_t count = 1;
  bool in_text = false;
  for (size_t index = 0; index < body.size(); ++index) {
    const char byte = body[index];
    if (byte == '"') in_text = !in_text;
    if (in_text && byte == '\\') ++index;
    if (!in_text && (byte == ',' || byte == '[' || byte == '{')) ++count;
  }
  return count;
}

tl::unexpected<ApiError> too_large(std::string message) {
  return tl::unexpected(ApiError{.kind = ApiErrorKind::kTooLarge, .message = std::move(message)});
}

constexpr std::string_view kReservedVariables[] = {"messages", "tools", "add_generation_prompt"};

ApiResult<void> add_variables(const Json& body, Json& conversation) {
  const Json* variables = find(body, "chat_template_kwargs");
  if (!variables) return {};
  if (variables->size() > kMostMembers)
    return invalid(
        "chat_template_kwargs", "too_long",
        fmt::format("chat_template_kwargs has {} members; at most {} are allowed", variables->size(), kMostMembers));
  for (const auto& [name, value] : variables->items()) {
    if (std::find(std::begin(kReservedVariables), std::end(kReservedVariables), name) != std::end(kReservedVariables))
      return invalid("chat_template_kwargs." + name, "invalid_value",
                     fmt::format("chat_template_kwargs.{} has a field of its own in the request; use that", name));
    conversation[name] = value;
  }
  return {};
}

}  // namespace

ApiResult<Json> parse_body(std::string_view body, const Shape& shape, const ParseLimits& limits,
                           std::vector<std::string>& unknown) {
  if (body.size() > limits.body_bytes)
    return too_large(
        fmt::format("The request body has {} bytes; at most {} are allowed", body.size(), limits.body_bytes));
  if (const size_t count = value_count(body); count > limits.values)
    return too_large(fmt::format("The request body holds {} values; at most {} are allowed", count, limits.values));
  auto json = parse_json(body, "request body", {.depth = limits.depth});
  if (!json) return invalid("", "invalid_json", std::move(json.error().message));
  if (!json->is_object())
    return invalid("", "invalid_type",
                   fmt::format("the request body must be a JSON object, not {}", json->type_name()));
  TRY_VOID(check_shape(*json, shape, unknown));
  return std::move(*json);
}

const Json* find(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const Json* find_any(const Json& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const Json* value = find(object, name)) return value;
  return nullptr;
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* value = find(object, name);
  return value ? value->get<std::string>() : "";
}

bool flag_of(const Json& object, std::string_view name, bool otherwise) {
  const Json* value = find(object, name);
  return value ? value->get<bool>() : otherwise;
}

int64_t integer_of(const Json& value) {
  if (value.is_number_unsigned())
    return static_cast<int64_t>(std::min<uint64_t>(value.get<uint64_t>(), std::numeric_limits<int64_t>::max()));
  if (value.is_number_integer()) return value.get<int64_t>();
  const double number = value.get<double>();
  if (number >= 9.2e18) return std::numeric_limits<int64_t>::max();
  if (number <= -9.2e18) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(number);
}

std::vector<std::string> texts_of(const Json* text_or_list) {
  if (!text_or_list) return {};
  if (text_or_list->is_string()) return {text_or_list->get<std::string>()};
  return text_or_list->get<std::vector<std::string>>();
}

std::vector<int32_t> token_ids_of(const Json& list) {
  std::vector<int32_t> ids;
  ids.reserve(list.size());
  for (const Json& id : list) ids.push_back(static_cast<int32_t>(integer_of(id)));
  return ids;
}

void read_common(const Json& body, CompletionRequest& request) {
  request.model = text_of(body, "model");
  read_sampling(body, request);
  request.stops = texts_of(find_any(body, {"stop", "stop_sequences"}));
  if (const Json* ids = find(body, "stop_token_ids")) request.stop_tokens = token_ids_of(*ids);
  request.ignore_eos = flag_of(body, "ignore_eos", false);
  request.stream = flag_of(body, "stream", false);
  if (const Json* options = find(body, "stream_options"))
    request.include_usage = flag_of(*options, "include_usage", false);
  request.user = text_of(body, find(body, "safety_identifier") ? "safety_identifier" : "user");
  if (const Json* metadata = find(body, "metadata")) request.metadata = share(*metadata);
  if (const Json* priority = find(body, "priority")) request.priority = static_cast<int>(integer_of(*priority));
  if (const Json* deadline = find(body, "deadline_ms")) request.deadline_ms = integer_of(*deadline);
  for (const std::string_view name : {"max_completion_tokens", "max_output_tokens", "max_tokens"})
    if (const Json* most = find(body, name))
      request.max_tokens = request.max_tokens < 0 ? integer_of(*most) : std::min(request.max_tokens, integer_of(*most));
  if (const Json* choices = find(body, "n")) request.choices = static_cast<int>(integer_of(*choices));
}

ApiResult<AnswerFormat> read_format(const Json& body, const Json* own, std::string_view own_path) {
  AnswerFormat format = own ? own_format(*own) : AnswerFormat{};
  std::string given_as(format.kind == AnswerFormat::Kind::kText ? "" : own_path);
  const auto take = [&](std::initializer_list<std::string_view> names, auto&& read) -> ApiResult<void> {
    const char* name = nullptr;
    const Json* value = own_or_extension(body, names, name);
    if (!value) return {};
    if (!given_as.empty())
      return invalid(name, "invalid_value",
                     fmt::format("{} and {} both say what the answer must be; give one of them", given_as, name));
    given_as = name;
    format = read(*value);
    return {};
  };
  const auto pattern = [](std::string source) {
    return AnswerFormat{.kind = AnswerFormat::Kind::kRegex, .source = std::move(source)};
  };
  TRY_VOID(take({"regex", "guided_regex"}, [&](const Json& value) { return pattern(value.get<std::string>()); }));
  TRY_VOID(take({"guided_choice"}, [&](const Json& value) { return pattern(one_of(value)); }));
  TRY_VOID(take({"grammar", "guided_grammar"}, [](const Json& value) {
    return AnswerFormat{.kind = AnswerFormat::Kind::kGrammar, .source = value.get<std::string>()};
  }));
  TRY_VOID(take({"json_schema", "guided_json"}, [](const Json& value) {
    return AnswerFormat{.kind = AnswerFormat::Kind::kJsonSchema, .schema = share(value), .name = "answer"};
  }));
  return format;
}

ApiResult<std::unordered_set<std::string>> tool_names(const Json& tools, std::string_view path_of_names) {
  std::unordered_set<std::string> names;
  for (size_t index = 0; index < tools.size(); ++index) {
    const std::string name = text_of(tools[index]["function"], "name");
    if (names.insert(name).second) continue;
    const std::string path = fmt::format("tools[{}].{}", index, path_of_names);
    return invalid(path, "invalid_value",
                   fmt::format("{} is {} again; names of tools must differ", path, in_quotes(name)));
  }
  return names;
}

ApiResult<void> check_tool_choice(const ToolChoice& choice, const std::unordered_set<std::string>& names,
                                  std::string_view path) {
  if (choice.mode == ToolChoice::Mode::kRequired && names.empty())
    return invalid(std::string(path), "invalid_value", fmt::format("{} asks for a call, and tools is empty", path));
  for (const std::string& name : choice.allowed)
    if (!names.contains(name))
      return invalid(std::string(path), "invalid_value",
                     fmt::format("{} names the tool {}, which is not among tools", path, in_quotes(name)));
  return {};
}

ApiResult<void> CallLedger::call(const std::string& id, const std::string& path) {
  if (open_.insert(id).second) return {};
  return invalid(path, "invalid_value", fmt::format("{} is {} again; ids of calls must differ", path, in_quotes(id)));
}

ApiResult<void> CallLedger::result(const std::string& id, const std::string& path) {
  if (open_.erase(id) > 0) {
    answered_.insert(id);
    return {};
  }
  if (answered_.contains(id))
    return invalid(path, "invalid_value", fmt::format("{}: the call {} has a result already", path, in_quotes(id)));
  return invalid(
      path, "invalid_value",
      fmt::format("{} names the call {}, which the assistant did not make in the turn before", path, in_quotes(id)));
}

ApiResult<void> CallLedger::settle(const std::string& path) {
  answered_.clear();
  if (open_.empty()) return {};
  return invalid(
      path, "invalid_value",
      fmt::format("{}: the call {} before it has no result; send one for each call", path, in_quotes(*open_.begin())));
}

void note_images(const Json& message, const std::string& path, std::vector<std::string>& images) {
  const Json* content = find(message, "content");
  if (!content || !content->is_array()) return;
  for (size_t index = 0; index < content->size(); ++index) {
    const std::string type = text_of((*content)[index], "type");
    if (type == "image_url" || type == "image" || type == "input_image")
      images.push_back(fmt::format("{}.content[{}]", path, index));
  }
}

ApiResult<SharedJson> make_conversation(const Json& body, Json messages, Json tools, bool& continue_final_message) {
  continue_final_message = flag_of(body, "continue_final_message", continue_final_message);
  if (continue_final_message && messages.back()["role"] != "assistant")
    return invalid("continue_final_message", "invalid_value",
                   "continue_final_message needs a last message of the role assistant");
  Json conversation = Json::object();
  conversation["messages"] = std::move(messages);
  if (!tools.empty()) conversation["tools"] = std::move(tools);
  conversation["add_generation_prompt"] = !continue_final_message && flag_of(body, "add_generation_prompt", true);
  if (const Json* documents = find(body, "documents")) conversation["documents"] = *documents;
  TRY_VOID(add_variables(body, conversation));
  return share(std::move(conversation));
}

}  // namespace parsing
}  // namespace paddock::server
