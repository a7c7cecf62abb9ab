// SPDX-License-Identifier: Apache-2.0
#include "llama4/json_keys.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace paddock::llama4 {
namespace {

// A value as one short line of text.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 100) text = text.substr(0, 97) + "...";
  return text;
}

std::optional<int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return std::nullopt;
  if (value.is_number_integer()) return value.get<int64_t>();
  // Some writers print 500000 as 500000.0.
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::floor(number) && std::abs(number) < 9e15) return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

}  // namespace

JsonKeys::JsonKeys(const Json& object, std::string source, std::string prefix, ConfigReport* report)
    : object_(&object), source_(std::move(source)), prefix_(std::move(prefix)), report_(report) {
  CHECK(object.is_object());
}

const Json* JsonKeys::find(std::string_view key) const {
  const auto found = object_->find(std::string(key));
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool JsonKeys::has(std::string_view key) const { return find(key) != nullptr; }

const Json* JsonKeys::value(std::string_view key) {
  if (!object_->contains(std::string(key))) return nullptr;
  if (used_.insert(std::string(key)).second)
    report_->read.push_back({prefix_ + std::string(key), shown(object_->at(std::string(key)))});
  return find(key);
}

tl::unexpected<Error> JsonKeys::wrong(std::string_view key, std::string_view expected) const {
  const Json* found = find(key);
  return error(ErrorCode::kBadFile, "{}: {}{}: expected {}, found {}; correct the value", source_, prefix_, key,
               expected, found == nullptr ? "nothing" : shown(*found));
}

Result<std::optional<int64_t>> JsonKeys::integer(std::string_view key) {
  const Json* found = value(key);
  if (found == nullptr) return std::nullopt;
  const auto number = as_integer(*found);
  if (!number) return wrong(key, "an integer");
  return number;
}

Result<std::optional<double>> JsonKeys::number(std::string_view key) {
  const Json* found = value(key);
  if (found == nullptr) return std::nullopt;
  if (!found->is_number() || !std::isfinite(found->get<double>())) return wrong(key, "a finite number");
  return found->get<double>();
}

Result<std::optional<bool>> JsonKeys::boolean(std::string_view key) {
  const Json* found = value(key);
  if (found == nullptr) return std::nullopt;
  if (found->is_boolean()) return found->get<bool>();
  // Older files write attn_temperature_tuning as the integer 4.
  if (const auto number = as_integer(*found)) return *number != 0;
  return wrong(key, "true or false");
}

Result<std::optional<std::string>> JsonKeys::text(std::string_view key) {
  const Json* found = value(key);
  if (found == nullptr) return std::nullopt;
  if (!found->is_string()) return wrong(key, "a string");
  return found->get<std::string>();
}

Result<std::optional<std::vector<int64_t>>> JsonKeys::integers(std::string_view key) {
  const Json* found = value(key);
  if (found == nullptr) return std::nullopt;
  std::vector<int64_t> numbers;
  if (const auto single = as_integer(*found)) return std::vector<int64_t>{*single};
  if (!found->is_array()) return wrong(key, "an integer or a list of integers");
  for (const Json& element : *found) {
    const auto number = as_integer(element);
    if (!number) return wrong(key, "a list of integers");
    numbers.push_back(*number);
  }
  return numbers;
}

Result<const Json*> JsonKeys::object(std::string_view key) {
  const Json* found = value(key);
  if (found != nullptr && !found->is_object()) return wrong(key, "an object");
  return found;
}

Result<int64_t> JsonKeys::required_integer(std::string_view key) {
  const auto number = TRY(integer(key));
  if (!number) return wrong(key, "an integer");
  return *number;
}

void JsonKeys::ignore(std::string_view key, std::string_view why) {
  if (!object_->contains(std::string(key)) || !used_.insert(std::string(key)).second) return;
  report_->ignored.push_back({prefix_ + std::string(key), std::string(why)});
}

void JsonKeys::infer(std::string_view key, std::string text) {
  report_->inferred.push_back({prefix_ + std::string(key), std::move(text)});
}

void JsonKeys::ignore_rest(std::string_view why) {
  for (const auto& [key, unused] : object_->items())
    if (used_.insert(key).second) report_->ignored.push_back({prefix_ + key, std::string(why)});
}

}  // namespace paddock::llama4
