// SPDX-License-Identifier: Apache-2.0
#include "text/tool_calls.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace paddock::text {

using tools::BlockReader;
using tools::Step;

ToolCallParser::ToolCallParser(std::shared_ptr<const ToolSet> tools, Calls certainty)
    : tools_(std::move(tools)), certainty_(certainty) {
  if (!tools_->empty() && certainty == Calls::kMayFail) fence_.emplace(*tools_);
}

std::vector<ToolCallEvent> ToolCallParser::push(std::string_view piece) {
  read(characters_.push(piece));
  give_early();
  return take_events();
}

std::vector<ToolCallEvent> ToolCallParser::finish(bool truncated) {
  read(characters_.flush());
  markers_.flush([this](char byte) { take(byte); });
  if (fence_) {
    const std::vector<ToolCall> calls = fence_->finish();
    const std::string text = fence_->text();
    fence_.reset();
    if (calls.empty())
      for (const char byte : text) take(byte);
    else
      give_calls(calls);
  }
  finish_block(truncated);
  content_.finish();
  return take_events();
}

void ToolCallParser::read(std::string_view text) {
  markers_.push(text, [this](char byte) { take(byte); });
}

void ToolCallParser::take(char byte) {
  if (tools_->empty()) {
    if (tools::is_marker(byte)) return;
    if (events_.empty()) events_.push_back({ToolCallEvent::Kind::kContent, 0, {}});
    events_.back().text += byte;
    return;
  }
  if (fence_) {
    if (fence_->take(byte)) return;
    const std::string text = fence_->text();
    fence_.reset();
    for (const char each : text) take(each);
    return;
  }
  if (block_) return take_in_block(byte);
  if (pending_ && take_after_pending(byte)) return;
  if (is_between_ && take_between(byte)) return;
  take_text(byte);
}

void ToolCallParser::take_in_block(char byte) {
  const bool was_possible = block_->is_possible();
  const Step step = block_length_ < kLargestBlock ? block_->take(byte) : Step::kRefused;
  if (step == Step::kRefused) {  // reading goes on from here
    block_.reset();
    release();
    return take_text(byte);
  }
  ++block_length_;
  undecided_ += byte;
  note_line(byte);
  if (step == Step::kDone) return end_block();
  if (!was_possible || !block_->is_possible()) release();
}

void ToolCallParser::begin_block(char byte, bool is_in_place) {
  block_.emplace(byte, *tools_);
  given_of_block_ = 0;
  call_is_open_ = false;
  block_length_ = 1;
  block_is_in_place_ = is_in_place;
  undecided_ += byte;
  note_line(byte);
}

void ToolCallParser::end_block() {
  if (!block_->is_possible()) {
    block_.reset();
    return release();
  }
  std::vector<ToolCall> calls = block_->calls();
  const bool may_be_link = block_->is_list();
  block_.reset();
  if (pending_) {  // each is what the other has beside it
    std::ranges::move(calls, std::back_inserter(pending_->calls));
    *pending_ = {std::move(pending_->calls), undecided_.size(), true, may_be_link};
  } else {
    pending_ = {std::move(calls), undecided_.size(), block_is_in_place_, may_be_link};
  }
  if ((pending_->is_in_place && !may_be_link) || certainty_ == Calls::kGuaranteed) accept();
}

// True when the byte has been dealt with.
bool ToolCallParser::take_after_pending(char byte) {
  const bool is_link = byte == '(' && pending_->may_be_link && undecided_.size() == pending_->end;
  const bool ends_line = byte == '\n' || tools::is_marker(byte);
  if (!is_link && (pending_->is_in_place || ends_line)) {
    accept();
    return false;
  }
  if (BlockReader::begins(byte)) {
    begin_block(byte, false);
    return true;
  }
  if (is_link || !(tools::is_blank(byte) || tools::is_separator(byte))) {
    release();
    return false;
  }
  undecided_ += byte;
  note_line(byte);
  return true;
}

bool ToolCallParser::take_between(char byte) {
  if (BlockReader::begins(byte)) {
    begin_block(byte, true);
    return true;
  }
  if (!tools::is_blank(byte) && !tools::is_separator(byte) && !tools::is_marker(byte)) {
    release();
    return false;
  }
  undecided_ += byte;
  note_line(byte);
  return true;
}

void ToolCallParser::take_text(char byte) {
  const bool is_code = code_.take(byte, begins_line_);
  if (!is_code && BlockReader::begins(byte)) return begin_block(byte, begins_line_);
  content_.append(byte);
  note_line(byte);
}

void ToolCallParser::note_line(char byte) {
  if (byte == '\n' || tools::is_marker(byte))
    begins_line_ = true;
  else if (!tools::is_blank(byte))
    begins_line_ = false;
}

// The pending block counts.
void ToolCallParser::accept() {
  give_calls(pending_->calls);
  given_of_block_ = 0;
  undecided_.erase(0, pending_->end);
  pending_.reset();
  is_between_ = true;
  begins_line_ = true;
}

// Nothing undecided is a call. What has been given out as one in spite of that, against the guarantee, is not content
// too.
void ToolCallParser::release() {
  if (!call_is_open_ && given_of_block_ == 0) append_content(undecided_);
  undecided_.clear();
  pending_.reset();
  is_between_ = false;
}

void ToolCallParser::append_content(std::string_view text) {
  for (const char byte : text) content_.append(byte);
}

// The calls of a block, as far as they have not been given out: those that are complete, and one that is not.
void ToolCallParser::give_calls(const std::vector<ToolCall>& calls, const std::optional<OpenToolCall>& open) {
  for (; given_of_block_ < calls.size(); ++given_of_block_) {
    const ToolCall& call = calls[given_of_block_];
    give_open({call.name, call.arguments});
    events_.push_back({ToolCallEvent::Kind::kCallEnds, calls_given_++, {}});
    call_is_open_ = false;
  }
  if (open) give_open(*open);
}

void ToolCallParser::give_open(const OpenToolCall& call) {
  if (!call_is_open_) {
    content_.note_call();
    give_content();
    events_.push_back({ToolCallEvent::Kind::kCallBegins, calls_given_, std::string(call.name)});
    call_is_open_ = true;
    open_arguments_given_ = 0;
  }
  const std::string_view more = call.arguments.substr(std::min(open_arguments_given_, call.arguments.size()));
  if (more.empty()) return;
  events_.push_back({ToolCallEvent::Kind::kArguments, calls_given_, std::string(more)});
  open_arguments_given_ += more.size();
}

// What is known of a block that is still being read, where nothing can take it back.
void ToolCallParser::give_early() {
  if (certainty_ != Calls::kGuaranteed || !block_ || !block_->is_possible()) return;
  const std::vector<ToolCall>* complete = block_->complete_calls();
  give_calls(complete != nullptr ? *complete : std::vector<ToolCall>(), block_->open_call());
}

void ToolCallParser::give_content() {
  std::string ready = content_.take_ready();
  if (!ready.empty()) events_.push_back({ToolCallEvent::Kind::kContent, 0, std::move(ready)});
}

// The output ended inside a block, after one, or in text.
void ToolCallParser::finish_block(bool truncated) {
  if (block_) {
    std::vector<ToolCall> calls = block_->calls_at_end(truncated);
    block_.reset();
    if (calls.empty()) return release();
    if (!pending_) pending_ = Pending{{}, 0, true, false};
    std::ranges::move(calls, std::back_inserter(pending_->calls));
    pending_->end = undecided_.size();
  }
  if (pending_) accept();
  if (!is_between_) release();
}

std::vector<ToolCallEvent> ToolCallParser::take_events() {
  give_content();
  return std::exchange(events_, {});
}

void append_events(ParsedToolCalls& parsed, const std::vector<ToolCallEvent>& events) {
  for (const ToolCallEvent& event : events) {
    switch (event.kind) {
      case ToolCallEvent::Kind::kContent: parsed.content += event.text; break;
      case ToolCallEvent::Kind::kCallBegins: parsed.calls.push_back({event.text, {}}); break;
      case ToolCallEvent::Kind::kArguments: parsed.calls.at(event.call).arguments += event.text; break;
      case ToolCallEvent::Kind::kCallEnds: break;
    }
  }
}

ParsedToolCalls parse_tool_calls(std::string_view text, const ToolSet& tools, bool truncated) {
  ToolCallParser parser({std::shared_ptr<const ToolSet>(), &tools});  // borrowed
  ParsedToolCalls parsed;
  append_events(parsed, parser.push(text));
  append_events(parsed, parser.finish(truncated));
  return parsed;
}

}  // namespace paddock::text
