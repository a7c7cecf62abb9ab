// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which parts of a text are Markdown's code, where nothing is a call: a fence (``` or ~~~ at the beginning of a line,
// up to a line of at least as many), or a run of backticks up to its twin on the same line or the line's end.

#include <cstddef>

namespace paddock::text::tools {

inline constexpr size_t kLeastFence = 3;  // marks

class MarkdownCode {
 public:
  // Whether the next byte belongs to code or to what marks it. `begins_line`: only blanks before it in its line.
  bool take(char byte, bool begins_line);

 private:
  enum class State { kText, kOpening, kInline, kInfo, kFence };

  void end_opening();
  bool take_text(char byte, bool begins_line);
  bool take_inline(char byte);
  bool take_info(char byte);
  bool take_fence(char byte, bool begins_line);

  State state_ = State::kText;
  char mark_ = '`';
  size_t opening_ = 0;        // marks in a row that opened the code
  bool opened_line_ = false;  // they stand where a fence may
  size_t run_ = 0;            // marks in a row just now
  bool may_close_ = false;    // the line so far closes the fence
  bool info_is_plain_ = true;
};

}  // namespace paddock::text::tools
