// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a model said, as content and tool calls. Three shapes are calls, alone, after prose or several at once:
//   [f(a="x"), g()]                              perhaps between <|python_start|> and <|python_end|>
//   {"name": "f", "parameters": {"a": "x"}}      or "arguments"; several, or an array of them
//   <function=f>{"a": "x"}</function>
// with Python's or JSON's literals. A block of calls counts if all its names are tools, all its values literals, and it
// begins or ends its line, outside of Markdown's code. Everything else is content.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/stream_decoder.h"
#include "text/tools/call_readers.h"
#include "text/tools/content.h"
#include "text/tools/fenced_blocks.h"
#include "text/tools/markdown_code.h"
#include "text/tools/markers.h"
#include "text/tools/tool_set.h"

namespace paddock::text {

struct ToolCallEvent {
  enum class Kind {
    kContent,     // text: more of the content, whole characters
    kCallBegins,  // text: the function's name
    kArguments,   // text: more of the JSON text of its arguments
    kCallEnds,
  };
  Kind kind;
  size_t call = 0;  // which call, from 0; of no meaning for content
  std::string text;
  bool operator==(const ToolCallEvent&) const = default;
};

enum class Calls {
  kMayFail,     // what looks like a call may turn out to be none
  kGuaranteed,  // a grammar holds the model to well-formed calls: they are given out while they are being written
};

// The sum of the events does not depend on how the text was cut into pieces. A call is given out when its block is
// complete and known to count, unless calls are guaranteed; no part of it is ever given out as content. Time is linear
// in the text; memory is bounded by the text, and by kLargestBlock for a block. For one thread at a time.
class ToolCallParser {
 public:
  // Bytes; what is longer is content.
  static constexpr size_t kLargestBlock = size_t{16} << 20;

  // Without tools nothing is a call, and only the two markers are taken out of the text.
  explicit ToolCallParser(std::shared_ptr<const ToolSet> tools, Calls certainty = Calls::kMayFail);

  // Any bytes: characters may be cut, ill-formed UTF-8 becomes U+FFFD.
  std::vector<ToolCallEvent> push(std::string_view piece);

  // The output has ended; `truncated` if for want of room and not because the model ended it. No more may be pushed.
  // A guaranteed call that was cut off stays as it is: its arguments are no complete JSON then, and it does not end.
  std::vector<ToolCallEvent> finish(bool truncated);

 private:
  // A block that is complete, while it is not known whether it counts.
  struct Pending {
    std::vector<ToolCall> calls;
    size_t end;        // in undecided_
    bool is_in_place;  // begins its line
    bool may_be_link;  // a list, which ( would make one
  };

  void read(std::string_view text);
  void take(char byte);
  void take_in_block(char byte);
  bool take_after_pending(char byte);
  bool take_between(char byte);
  void take_text(char byte);
  void begin_block(char byte, bool is_in_place);
  void end_block();
  void accept();
  void release();
  void append_content(std::string_view text);
  void give_calls(const std::vector<ToolCall>& calls, const std::optional<OpenToolCall>& open = {});
  void give_open(const OpenToolCall& call);
  void give_early();
  void give_content();
  void note_line(char byte);
  void finish_block(bool truncated);
  std::vector<ToolCallEvent> take_events();

  std::shared_ptr<const ToolSet> tools_;
  Calls certainty_;
  Utf8Stream characters_;
  tools::Markers markers_;
  std::optional<tools::FencedBlocks> fence_;  // while the whole output may be one
  tools::MarkdownCode code_;
  tools::Content content_;

  std::string undecided_;                    // since the last byte that is known to be content or call
  std::optional<Pending> pending_;           // inside undecided_
  std::optional<tools::BlockReader> block_;  // at the end of undecided_, or in content if it can be no call
  size_t block_length_ = 0;                  // bytes so far
  bool block_is_in_place_ = false;
  bool is_between_ = false;  // only blanks, separators and markers since a block that counted
  bool begins_line_ = true;  // only blanks since the line began, or a marker or a block before them

  size_t calls_given_ = 0;           // that have ended
  size_t given_of_block_ = 0;        // of those, in block_
  bool call_is_open_ = false;        // one has begun and not ended
  size_t open_arguments_given_ = 0;  // bytes of its arguments
  std::vector<ToolCallEvent> events_;
};

struct ParsedToolCalls {
  std::string content;
  std::vector<ToolCall> calls;
  bool operator==(const ParsedToolCalls&) const = default;
};

// The same for a text that is complete.
ParsedToolCalls parse_tool_calls(std::string_view text, const ToolSet& tools, bool truncated = false);

// Adds what events say.
void append_events(ParsedToolCalls& parsed, const std::vector<ToolCallEvent>& events);

}  // namespace paddock::text
