// SPDX-License-Identifier: Apache-2.0
#pragma once
// A macro, or the body of a call block, with the variables it was defined among.

#include <memory>
#include <string>
#include <utility>

#include "text/jinja/runtime.h"
#include "text/jinja/scope.h"

namespace paddock::text::jinja {

struct MacroCode;  // ast.h

struct Macro : Object {
  static constexpr Kind kKind = Kind::kMacro;
  Macro(std::string macro_name, const MacroCode& macro_code, ScopePtr defined_in)
      : Object(kKind), name(std::move(macro_name)), code(macro_code), scope(std::move(defined_in)) {}

  std::string name;
  const MacroCode& code;
  ScopePtr scope;
};

}  // namespace paddock::text::jinja
