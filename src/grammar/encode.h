// SPDX-License-Identifier: Apache-2.0
#pragma once
// From automata over code points to automata over bytes: as UTF-8, or as the inside of a JSON string.

#include "grammar/automaton.h"

namespace paddock::grammar {

// Every edge becomes the UTF-8 of its characters; calls stay as they are. The assertions of `nfa` must be gone.
Result<Nfa> encode_utf8(const Nfa& nfa, Budget& budget);

// Which characters may be written as \uXXXX where JSON does not ask for it. Quote, backslash and control characters
// have to be escaped and may have either form.
enum class Escapes { kAll, kNotAscii };

// The texts of `dfa` as they stand between the quotes of a JSON string.
Result<Nfa> encode_json_string(const Dfa& dfa, Escapes escapes, Budget& budget);

}  // namespace paddock::grammar
