// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers as Python reads, computes and prints them.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

std::string print_int(Int number, int base = 10);
std::string print_float(double number);  // the shortest that reads back the same: 0.1, 1e-07, 1e+16, 2.0, inf
std::string print_fixed(double number, int digits);  // digits after the point, correctly rounded

// What int(text, base) and float(text) accept: white space around, a sign, underscores between digits. An integer of
// more than 38 digits is missing, as is any other text.
std::optional<Int> parse_int(std::string_view text, int base = 10);
std::optional<double> parse_float(std::string_view text);

// int(number): towards zero. Missing for infinities, NaN and numbers beyond Int.
std::optional<Int> truncate_float(double number);

std::optional<Int> integer_of(const Value& value);    // of an int or a bool
std::optional<double> number_of(const Value& value);  // of an int, a bool or a float

// < 0, 0 or > 0, exact for every pair; missing when one is NaN.
std::optional<int> compare_numbers(const Value& left, const Value& right);

enum class Operator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
const char* symbol(Operator operation);

// Arithmetic of two numbers (bools count as 0 and 1). Division by zero and results beyond Int are errors.
Result<Value> compute(Operator operation, const Value& left, const Value& right);

// An index or count: an int or bool, clamped to 64 bits. `what` is named in the error.
Result<int64_t> to_index(const Value& value, std::string_view what);

}  // namespace paddock::text::jinja
