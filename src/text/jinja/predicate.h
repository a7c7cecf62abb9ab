// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tests of expressions: {{ value is name(arguments) }}.

#include <string_view>

#include "base/result.h"
#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct Predicate {
  std::string_view name;
  Result<bool> (*holds)(Runtime& runtime, const Value& subject, const Arguments& arguments);
};

const Predicate* find_predicate(std::string_view name);  // null when there is none

}  // namespace paddock::text::jinja
