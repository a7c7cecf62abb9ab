// SPDX-License-Identifier: Apache-2.0
#include "text/chat_source.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/mapped_file.h"

namespace paddock::text {
namespace {

namespace fs = std::filesystem;
using Templates = std::map<std::string, std::string>;

constexpr size_t kLargestConfig = size_t{256} << 20;
constexpr size_t kLargestTemplate = size_t{1} << 20;

Result<std::optional<std::string>> read_if_there(const fs::path& path, size_t limit) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  return TRY(read_text_file(path, limit));
}

// The object in the file; an empty one if there is no file.
Result<Json> read_object(const fs::path& path) {
  const auto text = TRY(read_if_there(path, kLargestConfig));
  if (!text) return Json::object();
  Json json = TRY(parse_json(*text, path.string()));
  if (!json.is_object())
    return error(ErrorCode::kBadFile, "{}: expected a JSON object, found {}", path.string(), json.type_name());
  return json;
}

// "chat_template": a text, or a list of {"name", "template"}, or an object of texts by name.
Result<Templates> templates_in(const Json& config, const fs::path& path) {
  const auto wrong = [&] {
    return error(
        ErrorCode::kBadFile,
        "{}: \"chat_template\" must be a text or a list of {{\"name\", \"template\"}}; mend the file or write the "
        "template to chat_template.jinja beside it",
        path.string());
  };
  Templates templates;
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return templates;
  if (found->is_string()) {
    templates["default"] = found->get<std::string>();
  } else if (found->is_array()) {
    for (const Json& entry : *found) {
      const bool whole = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                         entry.contains("template") && entry["template"].is_string();
      if (!whole) return wrong();
      templates[entry["name"].get<std::string>()] = entry["template"].get<std::string>();
    }
  } else if (found->is_object()) {
    for (const auto& [name, source] : found->items()) {
      if (!source.is_string()) return wrong();
      templates[name] = source.get<std::string>();
    }
  } else {
    return wrong();
  }
  return templates;
}

Result<Templates> templates_in_files(const fs::path& folder) {
  Templates templates;
  if (auto source = TRY(read_if_there(folder / "chat_template.jinja", kLargestTemplate)))
    templates["default"] = std::move(*source);
  std::error_code failed;
  std::vector<fs::path> others;
  for (fs::directory_iterator file(folder / "additional_chat_templates", failed), end; !failed && file != end;
       file.increment(failed))
    if (file->path().extension() == ".jinja") others.push_back(file->path());
  std::sort(others.begin(), others.end());
  for (const fs::path& path : others) templates[path.stem().string()] = TRY(read_text_file(path, kLargestTemplate));
  return templates;
}

// A token is its text, or an object with the text under "content".
std::optional<std::string> token_text(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  if (token.is_object() && token.contains("content") && token["content"].is_string())
    return token["content"].get<std::string>();
  return std::nullopt;
}

void add_tokens(const Json& config, std::map<std::string, std::string>& tokens) {
  for (const auto& [name, token] : config.items())
    if (name.ends_with("_token"))
      if (const auto text = token_text(token)) tokens.emplace(name, *text);
  const auto extra = config.find("extra_special_tokens");
  if (extra == config.end() || !extra->is_object()) return;
  for (const auto& [name, token] : extra->items())
    if (const auto text = token_text(token)) tokens.emplace(name, *text);
}

}  // namespace

Result<ChatSource> load_chat_source(const fs::path& folder) {
  ChatSource source;
  const fs::path config_path = folder / "tokenizer_config.json";
  const Json config = TRY(read_object(config_path));
  add_tokens(config, source.tokens);
  add_tokens(TRY(read_object(folder / "special_tokens_map.json")), source.tokens);

  source.templates = TRY(templates_in_files(folder));
  if (source.templates.empty()) {
    const fs::path json_path = folder / "chat_template.json";
    source.templates = TRY(templates_in(TRY(read_object(json_path)), json_path));
  }
  if (source.templates.empty()) source.templates = TRY(templates_in(config, config_path));
  return source;
}

}  // namespace paddock::text
