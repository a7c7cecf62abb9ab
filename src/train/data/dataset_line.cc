// SPDX-License-Identifier: Apache-2.0
#include "train/data/dataset_line.h"

#include <algorithm>
#include <map>

#include "text/chat_messages.h"

namespace paddock::train {
namespace {

tl::unexpected<Error> wrong(std::string_view expected, std::string_view found) {
  return error(ErrorCode::kBadFile, "expected {}, found {}", expected, found);
}

std::string kind_of(const Json& value) { return value.type_name(); }

std::string keys_of(const Json& object) {
  std::string keys;
  for (const auto& item : object.items()) {
    if (keys.size() > 80) return keys + ", …";
    keys += (keys.empty() ? "" : ", ") + item.key();
  }
  return keys.empty() ? "no keys" : "the keys " + keys;
}

Result<Json> object_of(std::string_view line) {
  // Templates print integers of arguments as they were sent.
  Json json = TRY(parse_json(line, "line", {.depth = 64, .exact_integers = true}));
  if (!json.is_object()) return wrong("an object", kind_of(json));
  return json;
}

Result<std::string> text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return wrong(fmt::format("the key \"{}\"", key), keys_of(object));
  if (!found->is_string()) return wrong(fmt::format("\"{}\" to be a text", key), kind_of(*found));
  return found->get<std::string>();
}

Json message(std::string_view role, Json content) {
  Json made = Json::object();
  made["role"] = role;
  made["content"] = std::move(content);
  return made;
}

// Takes the field "weight", which is not for templates.
Result<bool> take_weight(Json* message) {
  const bool is_assistant = message->is_object() && message->contains("role") && message->at("role") == "assistant";
  if (!message->is_object() || !message->contains("weight")) return is_assistant;
  const Json weight = message->at("weight");
  message->erase("weight");
  if (weight != 0 && weight != 1) return wrong("\"weight\" of a message to be 0 or 1", weight.dump());
  return is_assistant && weight == 1;
}

Result<ChatExample> example_of(Json messages, const Json& source) {
  if (!messages.is_array()) return wrong("a list of messages", kind_of(messages));
  ChatExample example;
  for (Json& each : messages) {
    const bool trained = TRY(take_weight(&each));
    example.is_trained.push_back(trained);
  }
  example.conversation = Json::object();
  example.conversation["messages"] = std::move(messages);
  for (const char* key : {"tools", "documents"})
    if (source.contains(key) && !source.at(key).is_null()) example.conversation[key] = source.at(key);
  TRY_VOID(text::check_conversation(example.conversation));
  return example;
}

Result<void> require_answer(const ChatExample& example) {
  if (std::ranges::find(example.is_trained, true) == example.is_trained.end())
    return wrong("at least one message of the assistant to learn", "none");
  return {};
}

Result<Json> from_sharegpt(const Json& object) {
  static const std::map<std::string, std::string, std::less<>> kRoles = {
      {"human", "user"},      {"user", "user"},         {"gpt", "assistant"}, {"assistant", "assistant"},
      {"model", "assistant"}, {"chatgpt", "assistant"}, {"bot", "assistant"}, {"system", "system"},
      {"tool", "tool"},       {"observation", "tool"}};
  const Json& turns = object.at("conversations");
  if (!turns.is_array()) return wrong("\"conversations\" to be a list", kind_of(turns));
  Json messages = Json::array();
  if (object.contains("system") && !object.at("system").is_null())
    messages.push_back(message("system", Json(TRY(text_at(object, "system")))));
  for (const Json& turn : turns) {
    if (!turn.is_object()) return wrong("turns of a conversation to be objects", kind_of(turn));
    const std::string from = TRY(text_at(turn, "from"));
    const auto role = kRoles.find(from);
    if (role == kRoles.end()) return wrong("\"from\" to be human, gpt, system or tool", fmt::format("\"{}\"", from));
    messages.push_back(message(role->second, Json(TRY(text_at(turn, "value")))));
    if (turn.contains("weight")) messages.back()["weight"] = turn.at("weight");
  }
  return messages;
}

Result<Json> from_alpaca(const Json& object) {
  Json messages = Json::array();
  if (object.contains("system") && !object.at("system").is_null())
    messages.push_back(message("system", Json(TRY(text_at(object, "system")))));
  if (object.contains("history") && !object.at("history").is_null())
    for (const Json& turn : object.at("history")) {
      if (!turn.is_array() || turn.size() != 2 || !turn.at(0).is_string() || !turn.at(1).is_string())
        return wrong("\"history\" to be a list of [question, answer]", turn.dump());
      messages.push_back(message("user", turn.at(0)));
      messages.push_back(message("assistant", turn.at(1)));
    }
  std::string question = TRY(text_at(object, "instruction"));
  if (object.contains("input") && !object.at("input").is_null()) {
    const std::string input = TRY(text_at(object, "input"));
    if (!input.empty()) question += (question.empty() ? "" : "\n\n") + input;
  }
  messages.push_back(message("user", Json(std::move(question))));
  messages.push_back(message("assistant", Json(TRY(text_at(object, "output")))));
  return messages;
}

// A text is what `role` says.
Result<Json> messages_of(const Json& value, std::string_view role, const char* key) {
  if (value.is_array()) return value;
  if (!value.is_string()) return wrong(fmt::format("\"{}\" to be a text or a list of messages", key), kind_of(value));
  Json messages = Json::array();
  messages.push_back(message(role, value));
  return messages;
}

Result<Json> joined(const Json& prompt, const Json& answer, const char* key) {
  Json messages = TRY(messages_of(prompt, "user", "prompt"));
  Json said = TRY(messages_of(answer, "assistant", key));
  for (Json& each : said) messages.push_back(std::move(each));
  return messages;
}

// Only what follows the first `given` messages is learned.
Result<ChatExample> after(size_t given, Json messages, const Json& source) {
  ChatExample example = TRY(example_of(std::move(messages), source));
  std::fill_n(example.is_trained.begin(), std::min(given, example.is_trained.size()), false);
  TRY_VOID(require_answer(example));
  return example;
}

size_t same_messages(const Json& one, const Json& other) {
  size_t count = 0;
  while (count < one.size() && count < other.size() && one[count] == other[count]) ++count;
  return count;
}

Result<PreferenceExample> pair_of(const Json& prompt, const Json& chosen, const Json& rejected, const Json& source) {
  const Json liked = TRY(joined(prompt, chosen, "chosen")), disliked = TRY(joined(prompt, rejected, "rejected"));
  const size_t given = same_messages(liked, disliked);
  if (given == liked.size() || given == disliked.size())
    return wrong("chosen and rejected to differ, and neither to be a part of the other", "that");
  if (given == 0) return wrong("a prompt, or the same first messages in chosen and rejected", "neither");
  PreferenceExample example;
  example.chosen = TRY(after(given, liked, source));
  example.rejected = TRY(after(given, disliked, source));
  return example;
}

}  // namespace

Result<TextExample> read_text_line(std::string_view line) {
  const Json object = TRY(object_of(line));
  TextExample example;
  if (object.contains("prompt") && object.contains("completion")) {
    example.prompt = TRY(text_at(object, "prompt"));
    example.text = TRY(text_at(object, "completion"));
  } else {
    example.text = TRY(text_at(object, "text"));
  }
  if (example.text.empty()) return wrong("a text of at least one character", "none");
  return example;
}

Result<ChatExample> read_chat_line(std::string_view line) {
  const Json object = TRY(object_of(line));
  ChatExample example;
  if (object.contains("messages")) {
    example = TRY(example_of(object.at("messages"), object));
  } else if (object.contains("conversations")) {
    example = TRY(example_of(TRY(from_sharegpt(object)), object));
  } else if (object.contains("instruction")) {
    example = TRY(example_of(TRY(from_alpaca(object)), object));
  } else if (object.contains("prompt") && object.contains("completion")) {
    const Json prompt = TRY(messages_of(object.at("prompt"), "user", "prompt"));
    example =
        TRY(after(prompt.size(), TRY(joined(object.at("prompt"), object.at("completion"), "completion")), object));
  } else {
    return wrong(
        "\"messages\" (OpenAI), \"conversations\" (ShareGPT), \"instruction\" and \"output\" (Alpaca) or "
        "\"prompt\" and \"completion\"",
        keys_of(object));
  }
  TRY_VOID(require_answer(example));
  return example;
}

Result<PreferenceExample> read_preference_line(std::string_view line) {
  const Json object = TRY(object_of(line));
  if (object.contains("chosen") && object.contains("rejected"))
    return pair_of(object.contains("prompt") ? object.at("prompt") : Json::array(), object.at("chosen"),
                   object.at("rejected"), object);
  if (object.contains("preferred_output") && object.contains("non_preferred_output")) {
    if (!object.contains("input") || !object.at("input").is_object() || !object.at("input").contains("messages"))
      return wrong("\"input\" with \"messages\"", keys_of(object));
    const Json& input = object.at("input");
    return pair_of(input.at("messages"), object.at("preferred_output"), object.at("non_preferred_output"), input);
  }
  return wrong("\"chosen\" and \"rejected\", or OpenAI's \"preferred_output\" and \"non_preferred_output\"",
               keys_of(object));
}

}  // namespace paddock::train
