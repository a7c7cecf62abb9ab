// SPDX-License-Identifier: Apache-2.0
#pragma once
// The filters of expressions: {{ value | name(arguments) }}.

#include <string_view>

#include "base/result.h"
#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct Filter {
  std::string_view name;
  Result<Value> (*apply)(Runtime& runtime, const Value& subject, const Arguments& arguments);
};

const Filter* find_filter(std::string_view name);  // null when there is none
const Filter* find_text_filter(std::string_view name);
const Filter* find_sequence_filter(std::string_view name);

}  // namespace paddock::text::jinja
