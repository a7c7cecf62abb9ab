// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON met item by item, for documents whose objects are large: no tree is built, and the time is linear in the text.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paddock {

struct JsonItem {
  enum class Kind { kObjectStart, kObjectEnd, kArrayStart, kArrayEnd, kString, kUnsigned, kOther };

  Kind kind = Kind::kOther;           // kOther: null, true, false, a negative number or one with a point or an exponent
  std::string_view text;              // of a string; of kOther how to name it in an error
  uint64_t number = 0;                // of kUnsigned
  std::span<const std::string> keys;  // of the objects around the item, outermost first; arrays add none
};

// Calls `visit` for each item in order and stops at its first error. As strict as parse_json (json.h): duplicate keys,
// trailing text and nesting of more than `depth` arrays and objects are errors that name `source`.
Result<void> walk_json(std::string_view text, std::string_view source, int depth,
                       const std::function<Result<void>(const JsonItem&)>& visit);

}  // namespace paddock
