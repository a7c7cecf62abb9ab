// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/utf8.h"

namespace paddock {
namespace {

int hex_digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  if (character >= 'A' && character <= 'F') return character - 'A' + 10;
  return -1;
}

// The number in "\uXXXX" at the start of `text`, or -1.
int unicode_escape(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int value = 0;
  for (size_t index = 2; index < 6; ++index) {
    const int digit = hex_digit(text[index]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::string replace_lone_surrogates(std::string_view text) {
  const auto is_high = [](int unit) { return unit >= 0xD800 && unit < 0xDC00; };
  const auto is_low = [](int unit) { return unit >= 0xDC00 && unit < 0xE000; };
  std::string repaired;
  repaired.reserve(text.size());
  while (!text.empty()) {
    size_t length = text[0] == '\\' && text.size() > 1 ? 2 : 1;
    const int unit = unicode_escape(text);
    if (is_high(unit) && is_low(unicode_escape(text.substr(6)))) {
      length = 12;
    } else if (is_high(unit) || is_low(unit)) {
      repaired += "\\ufffd";
      text.remove_prefix(6);
      continue;
    }
    repaired.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  return repaired;
}

// Builds the value and watches what the library lets pass: depth and duplicate keys.
class StrictBuilder {
 public:
  explicit StrictBuilder(int depth_limit) : depth_limit_(depth_limit) {}

  // nlohmann's callback: returning true keeps the value.
  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= depth_limit_) throw std::length_error("depth");
      if (event == Event::object_start) keys_.emplace_back();
    } else if (event == Event::object_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) throw std::invalid_argument(key);
    }
    return true;
  }

 private:
  int depth_limit_;
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view source, const JsonLimits& limits) {
  std::string repaired;
  if (limits.repair_text) {
    repaired = replace_lone_surrogates(is_valid_utf8(text) ? std::string(text) : replace_invalid_utf8(text));
    text = repaired;
  }
  // The library takes a NUL for the end of the text and would not look behind it.
  if (const size_t offset = text.find('\0'); offset != std::string_view::npos)
    return error(ErrorCode::kBadFile, "{}: not valid JSON: it has a zero byte at offset {}", source, offset);
  try {
    StrictBuilder builder(limits.depth);
    return Json::parse(text.begin(), text.end(), std::ref(builder));
  } catch (const std::length_error&) {
    return error(ErrorCode::kBadFile, "{}: JSON is nested deeper than {} levels", source, limits.depth);
  } catch (const std::invalid_argument& duplicate) {
    return error(ErrorCode::kBadFile, "{}: JSON has the key \"{}\" twice in one object; remove one of them", source,
                 std::string_view(duplicate.what()).substr(0, 200));
  } catch (const Json::exception& problem) {
    // The library's sentence ends with an excerpt of the input, which may be megabytes long.
    std::string reason = std::string(problem.what()).substr(0, 300);
    if (const size_t after_tag = reason.find("] "); after_tag != std::string::npos)
      reason = reason.substr(after_tag + 2);
    return error(ErrorCode::kBadFile, "{}: not valid JSON: {}", source, replace_invalid_utf8(reason));
  }
}

}  // namespace paddock
