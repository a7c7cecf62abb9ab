// SPDX-License-Identifier: Apache-2.0
#include "text/tools/value_reader.h"

#include <utility>

namespace paddock::text::tools {

Step ValueReader::take(char byte) {
  if (std::holds_alternative<std::monostate>(leaf_)) return take_structure(byte);
  const Step step = std::visit(
      [&](auto& leaf) {
        if constexpr (std::is_same_v<std::decay_t<decltype(leaf)>, std::monostate>)
          return Step::kRefused;
        else
          return leaf.take(byte);
      },
      leaf_);
  if (step != Step::kRefused) write_string();
  if (step == Step::kMore || step == Step::kRefused) return step;
  end_leaf();
  const Step after = end_value(step);
  return after == Step::kMore && step == Step::kEnded ? take_structure(byte) : after;
}

Step ValueReader::take_structure(char byte) {
  if (is_blank(byte)) return Step::kMore;
  const bool may_end = expect_ == Expect::kValueOrEnd || expect_ == Expect::kKeyOrEnd || expect_ == Expect::kCommaOrEnd;
  if (may_end && byte == frames_.back().closing) return close();
  switch (expect_) {
    case Expect::kValue:
    case Expect::kValueOrEnd: return begin_value(byte);
    case Expect::kKey:
    case Expect::kKeyOrEnd:
      if (byte != '"' && byte != '\'') return Step::kRefused;
      if (!frames_.back().keys.empty()) json_ += ", ";
      begin_string(byte);
      leaf_is_key_ = true;
      return Step::kMore;
    case Expect::kColon:
      if (byte != ':') return Step::kRefused;
      json_ += ": ";
      expect_ = Expect::kValue;
      return Step::kMore;
    case Expect::kCommaOrEnd:
      if (byte != ',') return Step::kRefused;
      frames_.back().has_comma = true;
      expect_ = frames_.back().closing == '}' ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
      return Step::kMore;
  }
  return Step::kRefused;
}

Step ValueReader::begin_value(char byte) {
  const bool is_element = !frames_.empty() && frames_.back().closing != '}';
  if (is_element && frames_.back().count > 0) json_ += ", ";
  if (byte == '[' || byte == '{' || (byte == '(' && dialect_ == Dialect::kPython)) return open(byte);
  if (byte == '"' || byte == '\'') {
    note_kind(Kind::kString);
    begin_string(byte);
  } else if (NumberLiteral::begins(byte, dialect_)) {
    note_kind(Kind::kNumber);
    leaf_.emplace<NumberLiteral>(byte);
  } else if (WordLiteral::begins({&byte, 1})) {
    note_kind(byte == 'n' || byte == 'N' ? Kind::kNull : Kind::kTrueOrFalse);
    leaf_.emplace<WordLiteral>(byte);
  } else {
    return Step::kRefused;
  }
  leaf_is_key_ = false;
  return Step::kMore;
}

Step ValueReader::open(char byte) {
  if (frames_.size() >= kMostNested) return Step::kRefused;
  note_kind(byte == '{' ? Kind::kObject : Kind::kArray);
  frames_.push_back({byte == '{' ? '}' : byte == '[' ? ']' : ')', json_.size()});
  json_ += byte == '{' ? '{' : '[';
  expect_ = byte == '{' ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  return Step::kMore;
}

Step ValueReader::close() {
  const Frame& frame = frames_.back();
  // One value in parentheses without a comma is that value: its bracket becomes a blank.
  if (frame.closing == ')' && frame.count == 1 && !frame.has_comma)
    json_[frame.begin] = ' ';
  else
    json_ += frame.closing == '}' ? '}' : ']';
  frames_.pop_back();
  return end_value(Step::kDone);
}

Step ValueReader::end_value(Step step) {
  if (frames_.empty()) return step;
  if (leaf_is_key_) {
    leaf_is_key_ = false;
    expect_ = Expect::kColon;
  } else {
    ++frames_.back().count;
    expect_ = Expect::kCommaOrEnd;
  }
  return Step::kMore;
}

void ValueReader::begin_string(char quote) {
  leaf_.emplace<StringLiteral>(quote, dialect_);
  json_ += '"';
  written_ = 0;
}

void ValueReader::write_string() {
  auto* literal = std::get_if<StringLiteral>(&leaf_);
  if (literal == nullptr) return;
  append_json_escaped(json_, std::string_view(literal->value()).substr(written_));
  written_ = literal->value().size();
}

void ValueReader::end_leaf() {
  if (auto* literal = std::get_if<StringLiteral>(&leaf_)) {
    json_ += '"';
    if (leaf_is_key_) is_sound_ &= frames_.back().keys.insert(literal->value()).second;
    if (frames_.empty()) string_ = std::move(literal->value());
  } else if (const auto* number = std::get_if<NumberLiteral>(&leaf_)) {
    is_sound_ &= !number->overflows();
    json_ += number->json();
  } else if (const auto* word = std::get_if<WordLiteral>(&leaf_)) {
    json_ += word->json();
  }
  leaf_ = std::monostate();
}

void ValueReader::note_kind(Kind kind) {
  if (frames_.empty()) kind_ = kind;
}

const std::string* ValueReader::open_string() {
  auto* literal = std::get_if<StringLiteral>(&leaf_);
  return literal != nullptr && frames_.empty() ? &literal->value() : nullptr;
}

std::string read_object(std::string_view text, Dialect dialect) {
  ValueReader reader(dialect);
  size_t position = 0;
  Step step = Step::kMore;
  while (position < text.size() && step == Step::kMore) step = reader.take(text[position++]);
  if (step != Step::kDone || !reader.is_sound() || reader.kind() != ValueReader::Kind::kObject) return {};
  for (; position < text.size(); ++position)
    if (!is_blank(text[position])) return {};
  return std::move(reader.json());
}

}  // namespace paddock::text::tools
