// SPDX-License-Identifier: Apache-2.0
#pragma once
// The methods of strings, lists and mappings that a template may call.

#include <string_view>

#include "base/result.h"
#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct Method {
  std::string_view name;
  Result<Value> (*call)(Runtime& runtime, const Value& self, const Arguments& arguments);
};

// The method of this name that values of this type have, or null.
const Method* find_method(const Value& self, std::string_view name);
const Method* find_string_method(std::string_view name);

// Whether Python has a method of this name that would change the list or mapping. Templates cannot reach it.
bool would_change(const Value& self, std::string_view name);

}  // namespace paddock::text::jinja
