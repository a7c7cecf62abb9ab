// SPDX-License-Identifier: Apache-2.0
#pragma once
// a.b, a[b] and a[b:c:d] in the sandbox: what is not there is undefined, and what would change a value is out of reach.

#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

// a.b: a method, else an entry of the mapping.
Result<Value> get_attribute(const Value& object, std::string_view name, Runtime& runtime);
// What a.b finds before it looks for entries: a method, or an attribute of an object; undefined when there is none.
Result<Value> get_own_attribute(const Value& object, std::string_view name, Runtime& runtime);
// a[b]: an item, else a method.
Result<Value> get_item(const Value& object, const Value& key, Runtime& runtime);
// a[start:stop:step] of a string (by character), list, tuple or range; none stands for a bound that was left out.
Result<Value> get_slice(const Value& object, const Value& start, const Value& stop, const Value& step,
                        Runtime& runtime);
// `needle in haystack`
Result<bool> contains(const Value& haystack, const Value& needle, Runtime& runtime);

}  // namespace paddock::text::jinja
