// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a request asks for: the path and the query of RFC 9110's origin form, taken apart before they are decoded, so
// that an encoded slash or question mark can never become one that separates.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace paddock::net {

struct Target {
  std::string path;  // as it came, still encoded: for log lines, not for decisions
  // Decoded pieces between slashes, "/v1/models" is {"v1", "models"}, "/" is {""}: what routes are matched by. Each is
  // valid UTF-8 without control characters, and never "." or "..". A piece may hold a slash that was encoded.
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order; "a&b=" is {{"a", ""}, {"b", ""}}

  // The first value of a query parameter.
  std::optional<std::string_view> find(std::string_view name) const;
};

// The error is a sentence about what is wrong with the target. "*", which OPTIONS may ask for, gives the one segment
// "*".
Result<Target> parse_target(std::string_view text);

// Bytes of "%41" forms; nothing where an escape is cut short or not hexadecimal. `plus_is_space` for queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace paddock::net
