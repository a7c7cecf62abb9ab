// SPDX-License-Identifier: Apache-2.0
// OpenAI's responses: items, said as chat messages.
#include <nlohmann/json.hpp>

#include "server/api/fields.h"
#include "server/api/parse_common.h"
#include "server/api/response_store.h"
#include "server/api/shape_check.h"

namespace paddock::server {
namespace {

using namespace parsing;

std::string type_of_item(const Json& item) {
  const Json* type = find(item, "type");
  return type ? type->get<std::string>() : "message";
}

Json chat_part(const Json& part) {
  const std::string& type = part["type"].get_ref<const std::string&>();
  if (type == "input_image") {
    Json address{{"url", part["image_url"]}};
    if (const Json* detail = find(part, "detail")) address["detail"] = *detail;
    return {{"type", "image_url"}, {"image_url", std::move(address)}};
  }
  return {{"type", "text"}, {"text", part[type == "refusal" ? "refusal" : "text"]}};
}

std::string reasoning_text(const Json& item) {
  std::string text;
  for (const char* list : {"content", "summary"}) {
    const Json* parts = find(item, list);
    if (!parts || !text.empty()) continue;
    for (const Json& part : *parts)
      if (const Json* piece = find(part, "text"); piece && piece->is_string()) text += piece->get<std::string>();
  }
  return text;
}

// Messages of the assistant and its calls next to each other are one turn.
class ItemTranslator {
 public:
  explicit ItemTranslator(std::vector<std::string>& images) : images_(images) {}

  ApiResult<void> add(const Json& item, const std::string& path) {
    const std::string type = type_of_item(item);
    if (type == "function_call") return add_call(item, path);
    if (type == "function_call_output") return add_output(item, path);
    if (type == "message") return add_message(item, path);
    reasoning_ += reasoning_text(item);
    return {};
  }

  void push(Json message) { messages_.push_back(std::move(message)); }

  ApiResult<Json> finish() {
    TRY_VOID(ledger_.settle("input"));
    if (messages_.empty()) return invalid("input", "empty_value", "input is empty; give a text or at least one item");
    return std::move(messages_);
  }

 private:
  ApiResult<Json> content_of(const Json& given, const std::string& path) {
    if (given.is_string()) return given;
    Json parts = Json::array();
    for (size_t index = 0; index < given.size(); ++index) {
      const std::string here = fmt::format("{}[{}]", path, index);
      if (given[index]["type"] == "input_image") {
        if (!find(given[index], "image_url"))
          return invalid(here + ".image_url", "missing_required_parameter",
                         fmt::format("{}.image_url is missing; give a data: address with base64", here));
        images_.push_back(here);
      }
      parts.push_back(chat_part(given[index]));
    }
    return parts;
  }

  ApiResult<void> add_message(const Json& item, const std::string& path) {
    TRY_VOID(ledger_.settle(path));
    Json content = TRY(content_of(item["content"], path + ".content"));
    Json message{{"role", item["role"]}, {"content", std::move(content)}};
    if (item["role"] == "assistant") add_reasoning(message);
    push(std::move(message));
    return {};
  }

  ApiResult<void> add_call(const Json& item, const std::string& path) {
    TRY_VOID(ledger_.call(text_of(item, "call_id"), path + ".call_id"));
    if (messages_.empty() || messages_.back()["role"] != "assistant") {
      Json message{{"role", "assistant"}, {"content", ""}};
      add_reasoning(message);
      push(std::move(message));
    }
    messages_.back()["tool_calls"].push_back(
        {{"id", item["call_id"]},
         {"type", "function"},
         {"function", {{"name", item["name"]}, {"arguments", item["arguments"]}}}});
    return {};
  }

  ApiResult<void> add_output(const Json& item, const std::string& path) {
    const std::string id = text_of(item, "call_id");
    TRY_VOID(ledger_.result(id, path + ".call_id"));
    Json content = TRY(content_of(item["output"], path + ".output"));
    push({{"role", "tool"}, {"tool_call_id", id}, {"content", std::move(content)}});
    return {};
  }

  void add_reasoning(Json& message) {
    if (!reasoning_.empty()) message["reasoning_content"] = std::exchange(reasoning_, {});
  }

  Json messages_ = Json::array();
  CallLedger ledger_;
  std::string reasoning_;  // of the message or call that follows
  std::vector<std::string>& images_;
};

const char* prefix_of(const std::string& type) {
  if (type == "function_call") return "fc_";
  if (type == "function_call_output") return "fco_";
  return type == "reasoning" ? "rs_" : "msg_";
}

// The item as the store keeps it: with its type and a name.
Json named_item(Json item, const Identifiers& identifiers) {
  const std::string type = type_of_item(item);
  item["type"] = type;
  if (!find(item, "id")) item["id"] = identifiers.make(prefix_of(type));
  if (type == "message" && item["content"].is_string()) {
    const char* kind = item["role"] == "assistant" ? "output_text" : "input_text";
    Json part{{"type", kind}, {"text", item["content"]}};
    if (item["role"] == "assistant") part["annotations"] = Json::array();
    item["content"] = Json::array({std::move(part)});
  }
  if (type != "reasoning") item["status"] = "completed";
  return item;
}

struct StoreView {
  const ResponseStore* store;
  std::string_view owner;
};

// References stand for items of the store. Each may be named once, so that a short body does not become a huge one.
class References {
 public:
  explicit References(const StoreView& view) : view_(view) {}

  ApiResult<Json> resolve(const Json& item, const std::string& path) {
    if (type_of_item(item) != "item_reference") return item;
    const std::string id = text_of(item, "id");
    if (named_.size() == kMostReferences)
      return invalid(path, "too_long", fmt::format("{}: at most {} references are allowed", path, kMostReferences));
    if (!named_.insert(id).second)
      return invalid(path + ".id", "invalid_value",
                     fmt::format("{}.id names the item {} again; give each once", path, in_quotes(id)));
    const auto found = view_.store ? view_.store->find_item(view_.owner, id) : nullptr;
    if (found) return *found;
    return tl::unexpected(
        ApiError{.kind = ApiErrorKind::kNotFound,
                 .message = fmt::format("{}.id names the item {}, which no stored response has", path, in_quotes(id)),
                 .param = path + ".id",
                 .code = "item_not_found"});
  }

 private:
  static constexpr size_t kMostReferences = 256;

  StoreView view_;
  std::unordered_set<std::string> named_;
};

ApiResult<Json> items_of_turn(const Json& input, const StoreView& view, const Identifiers& identifiers) {
  Json items = Json::array();
  if (input.is_string()) {
    items.push_back(named_item({{"type", "message"}, {"role", "user"}, {"content", input}}, identifiers));
    return items;
  }
  References references(view);
  for (size_t index = 0; index < input.size(); ++index)
    items.push_back(named_item(TRY(references.resolve(input[index], fmt::format("input[{}]", index))), identifiers));
  return items;
}

ApiResult<std::vector<SharedJson>> earlier_turns(const std::string& previous, const StoreView& view) {
  if (previous.empty()) return std::vector<SharedJson>{};
  const auto stored = view.store ? view.store->get(view.owner, previous) : nullptr;
  if (!stored)
    return invalid("previous_response_id", "previous_response_not_found",
                   fmt::format("Previous response with id {} not found; it was not stored, or it is too old",
                               in_quotes(previous)));
  std::vector<SharedJson> turns = stored->before;
  turns.push_back(stored->input);
  turns.emplace_back(stored->response, &(*stored->response)["output"]);
  return turns;
}

Json chat_tools(const Json* given) {
  Json tools = Json::array();
  if (!given) return tools;
  for (const Json& tool : *given) {
    Json function{{"name", tool["name"]}};
    for (const char* key : {"description", "parameters", "strict"})
      if (const Json* value = find(tool, key)) function[key] = *value;
    tools.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return tools;
}

ToolChoice choice_of(const Json* given, bool has_tools) {
  using Mode = ToolChoice::Mode;
  ToolChoice choice{.mode = has_tools ? Mode::kAuto : Mode::kNone};
  if (!given) return choice;
  const std::string word = given->is_string() ? given->get<std::string>() : text_of(*given, "mode");
  if (word == "none") choice.mode = Mode::kNone;
  if (word == "required") choice.mode = Mode::kRequired;
  if (given->is_string()) return choice;
  if (given->contains("tools")) {
    for (const Json& tool : (*given)["tools"]) choice.allowed.push_back(text_of(tool, "name"));
    return choice;
  }
  return {.mode = Mode::kRequired, .allowed = {text_of(*given, "name")}};
}

bool wants_logprobs(const Json& body) {
  const Json* include = find(body, "include");
  return include && std::find(include->begin(), include->end(), "message.output_text.logprobs") != include->end();
}

void read_response_logprobs(const Json& body, CompletionRequest& request) {
  const Json* best = find(body, "top_logprobs");
  const int count = best ? static_cast<int>(integer_of(*best)) : 0;
  request.logprobs = wants_logprobs(body) || count > 0 ? count : -1;
  request.sampling.top_logprobs = request.logprobs;
}

Json or_null(const Json& body, const char* name) {
  const Json* value = find(body, name);
  return value ? *value : Json(nullptr);
}

// What the response repeats of its request, with the defaults filled in.
Json echo_of(const Json& body, const CompletionRequest& request) {
  const Json* text = find(body, "text");
  const Json* format = text ? find(*text, "format") : nullptr;
  const Json* choice = find(body, "tool_choice");
  const Json* tools = find(body, "tools");
  const Json* metadata = find(body, "metadata");
  const auto number_or = [&](const char* name, double otherwise) {
    return find(body, name) ? body[name] : Json(otherwise);
  };
  return {{"background", false},
          {"instructions", or_null(body, "instructions")},
          {"max_output_tokens", or_null(body, "max_output_tokens")},
          {"max_tool_calls", or_null(body, "max_tool_calls")},
          {"metadata", metadata ? *metadata : Json::object()},
          {"parallel_tool_calls", request.parallel_tool_calls},
          {"previous_response_id", or_null(body, "previous_response_id")},
          {"prompt_cache_key", or_null(body, "prompt_cache_key")},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"safety_identifier", or_null(body, "safety_identifier")},
          {"service_tier", "default"},
          {"store", request.store},
          {"temperature", number_or("temperature", 1.0)},
          {"text", {{"format", format ? *format : Json{{"type", "text"}}}, {"verbosity", "medium"}}},
          {"tool_choice", choice ? *choice : Json("auto")},
          {"tools", tools ? *tools : Json::array()},
          {"top_logprobs", std::max(request.logprobs, 0)},
          {"top_p", number_or("top_p", 1.0)},
          {"truncation", "disabled"},
          {"user", or_null(body, "user")}};
}

ApiResult<Json> messages_of_turns(const Json& body, CompletionRequest& request) {
  ItemTranslator translator(request.images);
  if (const Json* instructions = find(body, "instructions"))
    translator.push({{"role", "system"}, {"content", *instructions}});
  for (const SharedJson& turn : request.past)
    for (const Json& item : *turn) TRY_VOID(translator.add(item, "previous_response_id"));
  for (size_t index = 0; index < request.input_items->size(); ++index)
    TRY_VOID(translator.add((*request.input_items)[index], fmt::format("input[{}]", index)));
  return translator.finish();
}

}  // namespace

ApiResult<CompletionRequest> parse_responses(std::string_view text, const ResponseStore* store, std::string_view owner,
                                             const Identifiers& identifiers, const ParseLimits& limits) {
  CompletionRequest request{.route = CompletionRequest::Route::kResponses};
  const Json body = TRY(parse_body(text, responses_shape(), limits, request.unknown_fields));
  read_common(body, request);
  read_response_logprobs(body, request);
  const Json* config = find(body, "text");
  request.format = TRY(read_format(body, config ? find(*config, "format") : nullptr, "text.format"));
  request.store = store && flag_of(body, "store", true);
  request.previous_response_id = text_of(body, "previous_response_id");

  const StoreView view{store, owner};
  request.past = TRY(earlier_turns(request.previous_response_id, view));
  request.input_items = share(TRY(items_of_turn(body["input"], view, identifiers)));
  Json messages = TRY(messages_of_turns(body, request));

  Json tools = chat_tools(find(body, "tools"));
  const auto names = TRY(tool_names(tools, "name"));
  request.tool_choice = choice_of(find(body, "tool_choice"), !tools.empty());
  TRY_VOID(check_tool_choice(request.tool_choice, names, "tool_choice"));
  request.parallel_tool_calls = flag_of(body, "parallel_tool_calls", true);
  request.echoed = share(echo_of(body, request));
  request.conversation =
      TRY(make_conversation(body, std::move(messages), std::move(tools), request.continue_final_message));
  return request;
}

}  // namespace paddock::server
