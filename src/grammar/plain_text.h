// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plain characters: those that stand in a JSON string as they are. Most tokens hold nothing else, so that in free text
// most of the vocabulary need not be looked at.

#include "base/utf8.h"

namespace paddock::grammar {

inline bool is_plain(char32_t code_point) { return code_point >= 0x20 && code_point != '"' && code_point != '\\'; }

}  // namespace paddock::grammar
