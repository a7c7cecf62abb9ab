// SPDX-License-Identifier: Apache-2.0
#include "cli/conversation.h"

#include <utility>

#include "base/mapped_file.h"
#include "base/new_file.h"

namespace paddock::cli {
namespace {

constexpr size_t kConversationLimit = size_t{256} << 20;  // bytes; pictures lie in it

bool is_system(const Json& message) { return message.value("role", "") == "system"; }

}  // namespace

Conversation::Conversation(std::optional<std::string> system) { reset(std::move(system)); }

void Conversation::add(std::string_view role, Json content) {
  json_["messages"].push_back({{"role", role}, {"content", std::move(content)}});
}

void Conversation::drop_last() { json_["messages"].erase(json_["messages"].size() - 1); }

void Conversation::reset() {
  Json kept = Json::array();
  if (const Json& all = json_["messages"]; !all.empty() && is_system(all.front())) kept.push_back(all.front());
  json_["messages"] = std::move(kept);
}

void Conversation::reset(std::optional<std::string> system) {
  json_ = {{"messages", Json::array()}};
  if (system) add("system", *system);
}

Result<void> Conversation::save(const std::filesystem::path& path) const {
  auto file = TRY(NewFile::create(path));
  TRY_VOID(file.write(json_.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
  return file.commit();
}

Result<Conversation> Conversation::load(const std::filesystem::path& path) {
  const std::string text = TRY(read_text_file(path, kConversationLimit));
  Json json = TRY(parse_json(text, path.string(), {.repair_text = true}));
  if (json.is_array()) json = {{"messages", std::move(json)}};
  const auto messages = json.find("messages");
  if (!json.is_object() || messages == json.end() || !messages->is_array())
    return error(ErrorCode::kBadFile, "{}: expected {{\"messages\": […]}}, found none", path.string());
  for (const Json& message : *messages)
    if (!message.is_object() || !message.contains("role") || !message.at("role").is_string())
      return error(ErrorCode::kBadFile, "{}: expected messages with a role, found one without", path.string());
  Conversation conversation;
  conversation.json_ = std::move(json);
  return conversation;
}

}  // namespace paddock::cli
