// SPDX-License-Identifier: Apache-2.0
#pragma once
// Walking over values as Python's iter() does: characters, items, keys.

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

bool is_iterable(const Value& value);

// len() of Python; missing for what has none, generators too.
std::optional<int64_t> length_of(const Value& value);

class Iterator {
 public:
  static Result<Iterator> over(Value value);  // an undefined value has no items; a number cannot be walked

  Result<std::optional<Value>> next(Runtime& runtime);  // missing at the end

 private:
  explicit Iterator(Value value) : value_(std::move(value)) {}

  Value value_;
  size_t position_ = 0;  // of items; of bytes in a string
};

Result<std::vector<Value>> collect(const Value& value, Runtime& runtime);

}  // namespace paddock::text::jinja
