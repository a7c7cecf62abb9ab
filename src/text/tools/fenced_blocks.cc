// SPDX-License-Identifier: Apache-2.0
#include "text/tools/fenced_blocks.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "text/tools/markdown_code.h"

namespace paddock::text::tools {
namespace {

// What stands after the marks, without blanks.
bool is_known_info(std::string_view info) {
  while (!info.empty() && is_blank(info.front())) info.remove_prefix(1);
  while (!info.empty() && is_blank(info.back())) info.remove_suffix(1);
  constexpr std::array<std::string_view, 4> kWords = {"", "json", "python", "tool_code"};
  return std::find(kWords.begin(), kWords.end(), info) != kWords.end();
}

constexpr size_t kLongestFence = size_t{16} << 20;  // bytes that are held back at most
constexpr size_t kLongestInfo = 64;                 // bytes, blanks included

}  // namespace

bool FencedBlocks::take(char byte) {
  text_ += byte;
  if (text_.size() > kLongestFence) return false;
  switch (state_) {
    case State::kBefore:
      if (is_blank(byte) || is_marker(byte)) return true;
      mark_ = byte;
      opening_ = 1;
      state_ = State::kMarks;
      return byte == '`' || byte == '~';
    case State::kMarks:
      if (byte == mark_) {
        ++opening_;
        return true;
      }
      if (opening_ < kLeastFence) return false;
      state_ = State::kInfo;
      [[fallthrough]];
    case State::kInfo:
      if (byte != '\n') {
        info_ += byte;
        return info_.size() <= kLongestInfo;
      }
      state_ = State::kBody;
      return is_known_info(info_);
    case State::kBody: return take_body(byte);
    case State::kClosing: return take_closing(byte);
    case State::kAfter: return is_blank(byte) || is_marker(byte);
  }
  return false;
}

bool FencedBlocks::take_body(char byte) {
  if (block_) {
    begins_line_ = false;
    const Step step = block_->take(byte);
    if (step == Step::kRefused || !block_->is_possible()) return false;
    if (step == Step::kDone) {
      std::ranges::move(block_->calls(), std::back_inserter(calls_));
      block_.reset();
    }
    return true;
  }
  if (begins_line_ && byte == mark_) {
    run_ = 1;
    state_ = State::kClosing;
    return true;
  }
  if (BlockReader::begins(byte)) {
    block_.emplace(byte, *tools_);
    return true;
  }
  begins_line_ = byte == '\n' || (begins_line_ && is_blank(byte));
  return is_blank(byte) || is_separator(byte) || is_marker(byte);
}

bool FencedBlocks::take_closing(char byte) {
  if (byte == mark_) {
    ++run_;
    return true;
  }
  if (run_ < opening_) return false;
  if (is_blank(byte) || is_marker(byte)) {
    state_ = State::kAfter;
    return true;
  }
  return false;
}

std::vector<ToolCall> FencedBlocks::finish() {
  if (!is_closed()) return {};
  return std::move(calls_);
}

}  // namespace paddock::text::tools
