// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the readers of tool calls share: they take a text byte by byte, so that it may be cut anywhere.

#include <string>
#include <string_view>

namespace paddock::text::tools {

// What a byte meant to a reader.
enum class Step {
  kMore,     // taken; what is being read goes on
  kDone,     // taken; complete with it
  kEnded,    // not taken: what was being read was complete before it
  kRefused,  // not taken: it cannot continue what was being read
};

// The two special tokens as one byte each, which no UTF-8 text holds.
inline constexpr char kPythonStart = '\xFE';
inline constexpr char kPythonEnd = '\xFF';
inline constexpr std::string_view kPythonStartText = "<|python_start|>";
inline constexpr std::string_view kPythonEndText = "<|python_end|>";

inline bool is_marker(char byte) { return byte == kPythonStart || byte == kPythonEnd; }
inline bool is_blank_in_line(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\f' || byte == '\v';
}
inline bool is_blank(char byte) { return is_blank_in_line(byte) || byte == '\n'; }
inline bool is_separator(char byte) { return byte == ',' || byte == ';'; }
inline bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
inline bool is_letter(char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); }

// Letters of any script, since bytes beyond ASCII are not told apart here.
inline bool begins_word(char byte) {
  return is_letter(byte) || byte == '_' || (static_cast<unsigned char>(byte) >= 0x80 && !is_marker(byte));
}
inline bool continues_word(char byte) { return begins_word(byte) || is_digit(byte); }

// As people see the text: a marker in full.
inline void append_with_markers(std::string& text, char byte) {
  if (byte == kPythonStart)
    text += kPythonStartText;
  else if (byte == kPythonEnd)
    text += kPythonEndText;
  else
    text += byte;
}

}  // namespace paddock::text::tools
