// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens to a syntax tree.

#include <memory>
#include <string_view>

#include "base/result.h"
#include "text/jinja/ast.h"

namespace paddock::text::jinja {

// An error names the line, what was expected and what was found.
Result<std::shared_ptr<const Ast>> parse_template(std::string_view source);

}  // namespace paddock::text::jinja
