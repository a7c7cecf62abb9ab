// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
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

constexpr uint8_t kBigInteger = 1;  // the subtype of binary values that hold the digits of an integer

// Builds the value from the parser's events, and refuses what the library lets pass: depth and duplicate keys.
class StrictBuilder {
 public:
  StrictBuilder(std::string_view source, const JsonLimits& limits) : source_(source), limits_(limits) {}

  Result<Json> finish() {
    if (failed_) return tl::unexpected(std::move(*failed_));
    return std::move(root_);
  }

  // The parser's events. False stops it.
  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string& text) {
    if (!limits_.exact_integers || text.find_first_of(".eE") != std::string::npos) return add(value);
    return add(Json::binary({text.begin(), text.end()}, kBigInteger));
  }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t& value) { return add(std::move(value)); }
  bool start_object(size_t) {
    keys_.emplace_back();
    return open(Json::object());
  }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() {
    keys_.pop_back();
    open_.pop_back();
    return true;
  }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool key(std::string& name) {
    if (!keys_.back().insert(name).second)
      return fail("{}: JSON has the key \"{}\" twice in one object; remove one of them", source_,
                  std::string_view(name).substr(0, 200));
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception& problem) {
    // The library's sentence ends with an excerpt of the input, which may be megabytes long.
    std::string reason = std::string(problem.what()).substr(0, 300);
    if (const size_t after_tag = reason.find("] "); after_tag != std::string::npos)
      reason = reason.substr(after_tag + 2);
    return fail("{}: not valid JSON: {}", source_, replace_invalid_utf8(reason));
  }

 private:
  template <typename... Args>
  bool fail(fmt::format_string<Args...> format, Args&&... args) {
    failed_ = Error{ErrorCode::kBadFile, fmt::format(format, std::forward<Args>(args)...)};
    return false;
  }

  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    append_new_key(parent, std::move(key_), std::move(value));
    return &parent.get_ref<Json::object_t&>().back().second;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (static_cast<int>(open_.size()) >= limits_.depth)
      return fail("{}: JSON is nested deeper than {} levels", source_, limits_.depth);
    open_.push_back(place(std::move(value)));
    return true;
  }

  std::string_view source_;
  JsonLimits limits_;
  Json root_;
  std::string key_;                                    // of the next value
  std::vector<Json*> open_;                            // arrays and objects; none moves before it is closed
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open
  std::optional<Error> failed_;
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
  StrictBuilder builder(source, limits);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.finish();
}

void append_new_key(Json& object, std::string key, Json value) {
  object.get_ref<Json::object_t&>().emplace_back(std::move(key), std::move(value));
}

std::optional<std::string> big_integer(const Json& value) {
  if (!value.is_binary() || value.get_binary().subtype() != kBigInteger) return std::nullopt;
  return std::string(value.get_binary().begin(), value.get_binary().end());
}

}  // namespace paddock
