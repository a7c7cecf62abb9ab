// SPDX-License-Identifier: Apache-2.0
#pragma once
// The arguments of a call, and how they meet the parameters of a built-in function.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;  // names differ

  const Value* find(std::string_view name) const;  // among the keywords; null when it is missing
};

// The argument of each parameter, by position or keyword. Points into the Arguments.
class Bound {
 public:
  // An error if one of the first `required` parameters has no argument, or an argument no parameter.
  static Result<Bound> bind(std::string_view function, const Arguments& arguments,
                            std::initializer_list<std::string_view> parameters, size_t required = 0);

  const Value* get(size_t parameter) const { return values_[parameter]; }          // null when it was left out
  const Value& operator[](size_t parameter) const { return *values_[parameter]; }  // of a required parameter
  Value get_or(size_t parameter, Value fallback) const {
    return get(parameter) ? *get(parameter) : std::move(fallback);
  }
  bool is_true_at(size_t parameter, bool fallback = false) const;

  // Missing or none is the fallback.
  Result<int64_t> index_or(size_t parameter, int64_t fallback) const;
  // The string there; anything else is an error. Null when it is missing or none.
  Result<const Text*> text_or_null(size_t parameter) const;
  Result<const Text*> text(size_t parameter) const;

 private:
  std::string_view function_;
  std::vector<std::string_view> parameters_;
  std::vector<const Value*> values_;
};

}  // namespace paddock::text::jinja
