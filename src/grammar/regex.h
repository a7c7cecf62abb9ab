// SPDX-License-Identifier: Apache-2.0
#pragma once
// Regular expressions as ECMAScript's `u` flag reads them (ECMA-262, section 22.2), as JSON Schema asks for: characters
// are code points. Look-around, back references, \b and \p are refused by name, for automata do not have them.

#include <string_view>

#include "grammar/expression.h"

namespace paddock::grammar {

// `source` is named in errors.
Result<Expression> parse_regex(std::string_view pattern, std::string_view source);

// A character class such as [^a-z\\d] in `text`, whose '[' stands at the offset `end`; `end` becomes the offset behind
// it.
Result<SymbolSet> parse_class(std::string_view text, size_t& end, std::string_view source);

// The texts that match as a whole, and those that hold a match.
Result<Dfa> matching_whole(std::string_view pattern, std::string_view source, Budget& budget);
Result<Dfa> matching_anywhere(std::string_view pattern, std::string_view source, Budget& budget);

}  // namespace paddock::grammar
