// SPDX-License-Identifier: Apache-2.0
#pragma once
// Grammars in the form of GBNF: rules `name ::= expression`, the text begins with `root`. An expression is alternatives
// (a | b) of sequences of "text" (escapes \n \r \t \\ \" \xHH \uHHHH \UHHHHHHHH), [classes] as in regular expressions,
// `.` (any character), names, (groups), with * + ? {n} {n,} {n,m} behind them. `#` begins a comment. A rule goes on to
// the next `name ::=`, whatever the lines. Left recursion is allowed.

#include <string_view>

#include "grammar/rules.h"

namespace paddock::grammar {

Result<Rules> compile_ebnf(std::string_view text);

}  // namespace paddock::grammar
