// SPDX-License-Identifier: Apache-2.0
#pragma once
// TOML from outside, with errors that name the source and the line. The library takes some texts for impossible, as
// "[[[", and would end a program that is built with assertions; without them it refuses such texts as others. So they
// are off here: include it from nowhere else.

#include <string>

#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include "base/result.h"

namespace paddock {

Result<toml::table> parse_toml(const std::string& text, const std::string& source);

// A text as a value of TOML, on one line.
std::string toml_text(const std::string& text);

}  // namespace paddock
