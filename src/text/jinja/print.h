// SPDX-License-Identifier: Apache-2.0
#pragma once
// str(), repr() and json.dumps() of Python. What is printed of a string keeps its provenance; brackets, numbers and
// escapes that are no one's text count as not from the template.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/jinja/value.h"

namespace paddock::text::jinja {

Result<void> append_str(TextBuilder& out, const Value& value);
Result<void> append_repr(TextBuilder& out, const Value& value);

// str(value) as a string value; a string is returned as it is.
Result<Value> to_string(const Value& value, Budget& budget);

struct JsonStyle {
  std::optional<Text> indent;  // one level of it; missing prints all on one line
  bool ensure_ascii = false;
  bool sort_keys = false;
  Text item_separator;
  Text key_separator;
};
Result<Value> to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace paddock::text::jinja
