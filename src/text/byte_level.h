// SPDX-License-Identifier: Apache-2.0
#pragma once
// The alphabet in which tokenizer.json and GGUF write the bytes of a token: GPT-2's, one printable character for each
// byte (a space is U+0120, printable ASCII and Latin-1 stand for themselves).

#include <string>
#include <string_view>

namespace paddock::text {

// Appends the bytes that `text` stands for and returns true; false where a character is not of the alphabet (`bytes`
// then holds an arbitrary part).
bool append_byte_level(std::string& bytes, std::string_view text);

}  // namespace paddock::text
