// SPDX-License-Identifier: Apache-2.0
#pragma once
// What string methods and text filters share. Every result keeps, byte for byte, the provenance of its parts.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/unicode.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

enum class Side { kLeft, kRight, kBoth };

// Removes white space, or the characters of `characters` if it is not null, from the ends.
Result<Value> strip(const Value& string, const Text* characters, Side side, Budget& budget);

// Replaces the first `count` places (all if it is negative) of `old`; an empty `old` is found between all characters.
Result<Value> replace(const Text& text, const Text& old, const Text& fresh, int64_t count, Budget& budget);

Result<Value> map_case(const Text& text, Case target, Budget& budget);
Result<Value> capitalize(const Text& text, Budget& budget);  // the first character in title case, the rest in lower

Result<Value> join(const Text& separator, const std::vector<Value>& items, Budget& budget);  // str() of each item
Result<Value> repeat(const Text& text, int64_t count, Budget& budget);
Result<Value> concatenate(const Value& left, const Value& right, Budget& budget);  // +, of two strings

// The lines without their ends, or with them.
Result<std::vector<Value>> split_lines(const Value& string, bool keep_ends, Budget& budget);

// Fills up to `width` characters on one side or both.
Result<Value> pad(const Text& text, int64_t width, const Text& fill, Side text_side, Budget& budget);

Result<Value> escape_html(const Text& text, Budget& budget);  // & < > ' "

}  // namespace paddock::text::jinja
