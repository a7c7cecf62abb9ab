// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two ways that Python fills values into a text: "%s, %d" % values and "{}, {:>4}".format(values).

#include "base/result.h"
#include "text/jinja/arguments.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

// `values`: a tuple of the values in order, a mapping for "%(name)s", or the only value.
Result<Value> format_percent(const Text& format, const Value& values, Runtime& runtime);

Result<Value> format_braces(const Text& format, const Arguments& values, Runtime& runtime);

}  // namespace paddock::text::jinja
