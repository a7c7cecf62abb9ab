// SPDX-License-Identifier: Apache-2.0
#include "cli/dropped_pictures.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <utility>

#include "cli/user_folders.h"
#include "image/format.h"

namespace paddock::cli {
namespace {

struct Word {
  std::string path;   // what a shell would make of it
  size_t length = 0;  // in the line
};

// The word at the line's beginning, as terminals write paths: in quotes, or with a backslash before what is special.
Word word_at(std::string_view line) {
  Word word;
  const char quote = line.front() == '\'' || line.front() == '"' ? line.front() : '\0';
  size_t at = quote == '\0' ? 0 : 1;
  for (; at < line.size(); ++at) {
    if (quote == '\0' ? line[at] == ' ' || line[at] == '\t' : line[at] == quote) break;
    if (quote != '\'' && line[at] == '\\' && at + 1 < line.size()) ++at;
    word.path += line[at];
  }
  word.length = quote != '\0' && at < line.size() ? at + 1 : at;
  return word;
}

int hex_digit(char letter) {
  const size_t digit = std::string_view("0123456789abcdef").find(static_cast<char>(letter | 0x20));
  if (letter >= '0' && letter <= '9') return letter - '0';
  return digit == std::string_view::npos || digit < 10 ? -1 : static_cast<int>(digit);
}

std::string without_percents(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_escape =
        text[at] == '%' && at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 && hex_digit(text[at + 2]) >= 0;
    plain += is_escape ? static_cast<char>(hex_digit(text[at + 1]) << 4 | hex_digit(text[at + 2])) : text[at];
    if (is_escape) at += 2;
  }
  return plain;
}

bool holds_picture(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  std::array<char, 64> begin{};
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), begin.size());
  return image::find_format(std::as_bytes(std::span(begin)).first(static_cast<size_t>(file.gcount()))).has_value();
}

std::optional<std::string> picture_path(std::string typed) {
  if (typed.starts_with("file:///")) typed = without_percents(std::string_view(typed).substr(7));
  bool is_path = false;
  for (const char* start : {"/", "~/", "./", "../"}) is_path = is_path || typed.starts_with(start);
  if (!is_path || !holds_picture(user_path(typed))) return {};
  return typed;
}

}  // namespace

DroppedFiles find_dropped_pictures(std::string_view line) {
  DroppedFiles found;
  while (!line.empty()) {
    if (line.front() == ' ' || line.front() == '\t') {
      found.text += line.front();
      line.remove_prefix(1);
      continue;
    }
    const Word word = word_at(line);
    if (auto path = picture_path(word.path))
      found.pictures.push_back(std::move(*path));
    else
      found.text += line.substr(0, word.length);
    line.remove_prefix(word.length);
  }
  return found;
}

}  // namespace paddock::cli
