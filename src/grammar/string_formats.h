// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON Schema's formats (draft 2020-12 validation, section 7.3) as regular expressions.

#include <optional>
#include <string_view>

namespace paddock::grammar {

// The pattern that a text has to match as a whole. Missing for formats that cannot be enforced.
std::optional<std::string_view> pattern_of_format(std::string_view format);

}  // namespace paddock::grammar
