// SPDX-License-Identifier: Apache-2.0
#pragma once
// UTF-8 as the Unicode standard defines it (table 3-7): no surrogates, no overlong forms, nothing above U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace paddock {

struct Utf8Character {
  char32_t code_point;  // U+FFFD where the bytes are ill-formed
  uint8_t length;       // bytes consumed: the character, or the maximal ill-formed part; at least 1
  bool valid;
};

// The character at the start of `bytes`, which must not be empty.
Utf8Character decode_utf8(std::string_view bytes);

void append_utf8(std::string& text, char32_t code_point);

bool is_valid_utf8(std::string_view bytes);

// Each maximal ill-formed part becomes one U+FFFD, as Python's and Rust's lossy decoders do.
std::string replace_invalid_utf8(std::string_view bytes);

// How many bytes at the end of `bytes` begin a character that later bytes may complete (0 to 3).
size_t incomplete_utf8_suffix(std::string_view bytes);

}  // namespace paddock
