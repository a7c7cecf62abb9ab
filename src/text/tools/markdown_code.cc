// SPDX-License-Identifier: Apache-2.0
#include "text/tools/markdown_code.h"

#include "text/tools/step.h"

namespace paddock::text::tools {

bool MarkdownCode::take(char byte, bool begins_line) {
  if (state_ == State::kOpening) {
    if (byte == mark_) {
      ++opening_;
      return true;
    }
    end_opening();
  }
  switch (state_) {
    case State::kInline: return take_inline(byte);
    case State::kInfo: return take_info(byte);
    case State::kFence: return take_fence(byte, begins_line);
    default: return take_text(byte, begins_line);
  }
}

// The run of marks is over.
void MarkdownCode::end_opening() {
  const bool may_be_fence = opened_line_ && opening_ >= kLeastFence;
  if (may_be_fence)
    state_ = State::kInfo;
  else
    state_ = mark_ == '`' ? State::kInline : State::kText;
  run_ = 0;
  info_is_plain_ = true;
}

bool MarkdownCode::take_text(char byte, bool begins_line) {
  if (byte != '`' && (byte != '~' || !begins_line)) return false;
  state_ = State::kOpening;
  mark_ = byte;
  opening_ = 1;
  opened_line_ = begins_line;
  return true;
}

bool MarkdownCode::take_inline(char byte) {
  if (byte == mark_) {
    ++run_;
    return true;
  }
  const bool closes = run_ == opening_ || byte == '\n';
  run_ = 0;
  if (!closes) return true;
  state_ = State::kText;
  return take_text(byte, false);
}

// Until the line ends it may be a fence or, with backticks, code in the line.
bool MarkdownCode::take_info(char byte) {
  if (byte == '\n') {
    const bool closed = mark_ == '`' && run_ == opening_;
    state_ = info_is_plain_ && !closed ? State::kFence : State::kText;
    run_ = 0;
    may_close_ = true;
    return true;
  }
  if (mark_ == '~') return true;
  if (byte == mark_) info_is_plain_ = false;
  return take_inline(byte);
}

bool MarkdownCode::take_fence(char byte, bool begins_line) {
  if (byte == '\n') {
    if (may_close_ && run_ >= opening_) state_ = State::kText;
    run_ = 0;
    may_close_ = true;
    return true;
  }
  if (byte == mark_ && may_close_ && (begins_line || run_ > 0))
    ++run_;
  else if (!is_blank_in_line(byte))
    may_close_ = false;
  else if (run_ > 0 && run_ < opening_)
    may_close_ = false;
  return true;
}

}  // namespace paddock::text::tools
