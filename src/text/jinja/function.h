// SPDX-License-Identifier: Apache-2.0
#pragma once
// The functions that every template finds: range, namespace, raise_exception and their like.

#include <string_view>

#include "base/result.h"
#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct Function {
  std::string_view name;
  Result<Value> (*call)(Runtime& runtime, const Arguments& arguments);
};

const Function* find_function(std::string_view name);  // null when there is none

}  // namespace paddock::text::jinja
