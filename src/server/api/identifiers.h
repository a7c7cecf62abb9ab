// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names of answers and their parts, as the dialects prefix them: chatcmpl-…, resp_…, call_….

#include <functional>
#include <string>
#include <string_view>

namespace paddock::server {

// `source` gives a text of letters and digits that has never been given out and cannot be guessed; tests count instead.
class Identifiers {
 public:
  explicit Identifiers(std::function<std::string()> source) : source_(std::move(source)) {}

  std::string make(std::string_view prefix) const { return std::string(prefix) + source_(); }

  // 24 random hexadecimal digits of the operating system.
  static Identifiers random();

 private:
  std::function<std::string()> source_;
};

}  // namespace paddock::server
