// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Python's string methods know about characters: properties, case mappings, white space.

#include <cstddef>
#include <string>
#include <string_view>

namespace paddock::text::jinja {

bool is_space(char32_t character);       // str.isspace(): what strip() and split() remove
bool is_line_break(char32_t character);  // what splitlines() breaks at; "\r\n" is one break
bool is_alphabetic(char32_t character);
bool is_decimal(char32_t character);
bool is_digit(char32_t character);
bool is_numeric(char32_t character);
bool is_printable(char32_t character);
bool is_lowercase(char32_t character);
bool is_uppercase(char32_t character);
bool is_titlecase(char32_t character);
inline bool is_cased(char32_t character) {
  return is_lowercase(character) || is_uppercase(character) || is_titlecase(character);
}
inline bool is_alphanumeric(char32_t character) { return is_alphabetic(character) || is_numeric(character); }

enum class Case { kUpper, kLower, kTitle };

// Appends the mapping of the character that starts at `offset` of `text` (valid UTF-8), which may be several
// characters. The lower case of a sigma depends on its neighbours.
void append_mapped(std::string& mapped, std::string_view text, size_t offset, Case target);

// The characters of a valid UTF-8 string and the byte offsets between them.
size_t count_characters(std::string_view text);
size_t offset_of_character(std::string_view text, size_t index);  // index <= count_characters(text)
inline bool is_character_start(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }
char32_t character_at(std::string_view text, size_t offset);      // offset < text.size()
size_t next_character(std::string_view text, size_t offset);      // the offset after the character there
size_t previous_character(std::string_view text, size_t offset);  // offset > 0

}  // namespace paddock::text::jinja
