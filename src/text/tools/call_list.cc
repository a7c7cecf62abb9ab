// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "text/tools/call_readers.h"

namespace paddock::text::tools {

Step CallList::take(char byte) {
  switch (expect_) {
    case Expect::kName: return take_name(byte);
    case Expect::kWord:
      if (continues_word(byte) || byte == '-') {
        word_ += byte;
        return Step::kMore;
      }
      expect_ = Expect::kAfterWord;
      return take_after_word(byte);
    case Expect::kValue: return take_value(byte);
    case Expect::kObject: {
      const Step step = object_->take(byte);
      is_possible_ &= object_->is_possible();
      if (step != Step::kDone) return step;
      if (is_possible_) calls_.push_back(object_->call());
      expect_ = Expect::kAfterItem;
      return Step::kMore;
    }
    default: break;
  }
  if (is_blank(byte)) return Step::kMore;
  switch (expect_) {
    case Expect::kItem: return take_item(byte);
    case Expect::kParenthesis: expect_ = Expect::kArgument; return byte == '(' ? Step::kMore : Step::kRefused;
    case Expect::kArgument: return take_argument(byte);
    case Expect::kAfterWord: return take_after_word(byte);
    case Expect::kAfterArgument: return take_after_argument(byte);
    default:  // kAfterItem
      if (byte == ']') return Step::kDone;
      expect_ = Expect::kItem;
      return byte == ',' ? Step::kMore : Step::kRefused;
  }
}

Step CallList::take_item(char byte) {
  const bool is_first = !holds_objects_ && !holds_calls_;
  if (byte == ']') return is_first ? Step::kRefused : Step::kDone;
  if (byte == '{' && !holds_calls_) {
    holds_objects_ = true;
    object_.emplace(*tools_);
    expect_ = Expect::kObject;
    return Step::kMore;
  }
  if (holds_objects_) return Step::kRefused;
  name_ = NamePrefix(*tools_);
  expect_ = Expect::kName;
  const Step step = take_name(byte);
  holds_calls_ = step == Step::kMore;
  return step;
}

Step CallList::take_name(char byte) {
  if (is_blank(byte) || byte == '(') {
    is_possible_ &= name_.found() != nullptr;
    arguments_.clear();
    named_.clear();
    positional_ = 0;
    had_keyword_ = false;
    expect_ = byte == '(' ? Expect::kArgument : Expect::kParenthesis;
    return Step::kMore;
  }
  if (is_marker(byte)) return Step::kRefused;
  if (name_.advance(byte)) return Step::kMore;
  is_possible_ = false;
  return continues_word(byte) || byte == '.' || byte == '-' ? Step::kMore : Step::kRefused;
}

Step CallList::take_argument(char byte) {
  if (byte == ')') return end_call();
  if (begins_word(byte)) {
    word_ = byte;
    expect_ = Expect::kWord;
    return Step::kMore;
  }
  keyword_.clear();
  value_.emplace(Dialect::kPython);
  expect_ = Expect::kValue;
  return take_value(byte);
}

Step CallList::take_after_word(char byte) {
  if (is_blank(byte)) return Step::kMore;
  if (byte == '=') {
    keyword_ = word_;
    value_.emplace(Dialect::kPython);
    expect_ = Expect::kValue;
    return Step::kMore;
  }
  const std::string_view literal = WordLiteral::json(word_);
  if (literal.empty() || (byte != ',' && byte != ')')) return Step::kRefused;
  add_positional(literal);
  return take_after_argument(byte);
}

Step CallList::take_value(char byte) {
  const Step step = value_->take(byte);
  if (step == Step::kRefused) return step;
  is_possible_ &= value_->is_sound();
  if (step == Step::kMore) return step;
  if (keyword_.empty()) {
    add_positional(value_->json());
  } else {
    had_keyword_ = true;
    add_argument(keyword_, value_->json());
  }
  expect_ = Expect::kAfterArgument;
  return step == Step::kEnded ? take(byte) : Step::kMore;
}

Step CallList::take_after_argument(char byte) {
  if (byte == ')') return end_call();
  expect_ = Expect::kArgument;
  return byte == ',' ? Step::kMore : Step::kRefused;
}

Step CallList::end_call() {
  if (is_possible_) calls_.push_back({name_.found()->name, "{" + arguments_ + "}"});
  expect_ = Expect::kAfterItem;
  return Step::kMore;
}

std::optional<OpenToolCall> CallList::open_call() const {
  return is_possible_ && expect_ == Expect::kObject ? object_->open_call() : std::nullopt;
}

void CallList::add_positional(std::string_view json) {
  if (!is_possible_) return;
  const std::vector<std::string>& parameters = name_.found()->parameters;
  is_possible_ = !had_keyword_ && positional_ < parameters.size();
  if (is_possible_) add_argument(parameters[positional_++], json);
}

void CallList::add_argument(std::string name, std::string_view json) {
  if (!is_possible_) return;
  if (!arguments_.empty()) arguments_ += ", ";
  append_json_string(arguments_, name);
  arguments_ += ": ";
  arguments_ += json;
  is_possible_ = named_.insert(std::move(name)).second;
}

}  // namespace paddock::text::tools
