// SPDX-License-Identifier: Apache-2.0
#pragma once
// What has been said in a chat, in the form that chat templates and `paddock render` read.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace paddock::cli {

class Conversation {
 public:
  explicit Conversation(std::optional<std::string> system = std::nullopt);

  // {"messages": […]} and whatever a loaded file holds beside.
  const Json& json() const { return json_; }
  size_t messages() const { return json_.at("messages").size(); }

  void add(std::string_view role, Json content);  // a text of valid UTF-8, or parts
  void drop_last();

  // Forgets what was said; the system message stays, or is replaced.
  void reset();
  void reset(std::optional<std::string> system);

  Result<void> save(const std::filesystem::path& path) const;
  static Result<Conversation> load(const std::filesystem::path& path);

 private:
  Json json_;
};

}  // namespace paddock::cli
