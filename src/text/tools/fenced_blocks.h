// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one case where Markdown's code is a call: an output that is a single closed fence which holds calls alone.

#include <optional>
#include <string>
#include <vector>

#include "text/tools/call_readers.h"

namespace paddock::text::tools {

class FencedBlocks {
 public:
  explicit FencedBlocks(const ToolSet& tools) : tools_(&tools) {}

  // False when the output is no such fence; all that was read is then in text().
  bool take(char byte);
  const std::string& text() const { return text_; }
  // What the output was, when it has ended: empty where it was not a closed fence of calls.
  std::vector<ToolCall> finish();

 private:
  enum class State { kBefore, kMarks, kInfo, kBody, kClosing, kAfter };

  bool take_body(char byte);
  bool take_closing(char byte);
  bool is_closed() const { return state_ == State::kAfter || (state_ == State::kClosing && run_ >= opening_); }

  const ToolSet* tools_;
  State state_ = State::kBefore;
  std::string text_;
  char mark_ = '`';
  size_t opening_ = 0, run_ = 0;  // marks
  std::string info_;
  bool begins_line_ = true;
  std::optional<BlockReader> block_;
  std::vector<ToolCall> calls_;
};

}  // namespace paddock::text::tools
