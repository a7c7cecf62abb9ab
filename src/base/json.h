// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON from outside: parsed strictly, with errors that name the source. Values keep the order of their keys.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paddock {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  int depth = 256;           // arrays and objects inside each other
  bool repair_text = false;  // lone surrogates and ill-formed UTF-8 become U+FFFD instead of an error
  bool exact_integers =
      false;  // integers beyond 64 bits are kept: big_integer() gives their digits. Else they become floats
};

// Refuses duplicate keys, NaN, trailing text and nesting beyond the limit. `source` is named in the error: a file or
// "request body". Include <nlohmann/json.hpp> where the value is used.
Result<Json> parse_json(std::string_view text, std::string_view source, const JsonLimits& limits = {});

// Adds a key that the object is known not to have, which operator[] would look for in all of it: a hostile object has a
// hundred thousand.
void append_new_key(Json& object, std::string key, Json value);

// The digits, after a minus sign perhaps, of an integer that 64 bits do not hold. Missing for every other value. Such a
// value is of nlohmann's binary type, which no JSON text makes otherwise.
std::optional<std::string> big_integer(const Json& value);

}  // namespace paddock
