// SPDX-License-Identifier: Apache-2.0
#pragma once
// Fields of an HTTP message, in the order they came (RFC 9110 section 5).

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddock::net {

// Letters of ASCII alone: what HTTP means by case-insensitive.
bool equal_ignoring_case(std::string_view a, std::string_view b);

// A name of a field or a method: one or more of RFC 9110's tchar.
bool is_token(std::string_view text);

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // Replaces all fields of this name.
  void set(std::string_view name, std::string value);

  // The first value; names are compared without regard to case.
  std::optional<std::string_view> find(std::string_view name) const;
  // All values, in order: a field that may stand once only is for the caller to judge.
  std::vector<std::string_view> all(std::string_view name) const;

  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace paddock::net
