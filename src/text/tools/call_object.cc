// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include "text/tools/call_readers.h"

namespace paddock::text::tools {
namespace {

constexpr std::array<std::string_view, 5> kKeys = {"name", "parameters", "arguments", "type", "id"};
bool is_arguments_key(std::string_view key) { return key == "parameters" || key == "arguments"; }

}  // namespace

Step CallObject::take(char byte) {
  switch (expect_) {
    case Expect::kInKey: {
      const Step step = key_->take(byte);
      if (step == Step::kRefused) return step;
      follow_key();
      if (step != Step::kMore) expect_ = Expect::kColon;
      return Step::kMore;
    }
    case Expect::kValue: return take_value(byte);
    default: return take_structure(byte);
  }
}

Step CallObject::take_structure(char byte) {
  if (is_blank(byte)) return Step::kMore;
  if (expect_ == Expect::kColon) {
    if (byte != ':') return Step::kRefused;
    is_possible_ &= std::find(kKeys.begin(), kKeys.end(), key_->value()) != kKeys.end();
    is_possible_ &= seen_.insert(key_->value()).second;
    value_.emplace(Dialect::kJson);
    expect_ = Expect::kValue;
    return Step::kMore;
  }
  if (byte == '}') {
    is_possible_ &= name_.found() != nullptr && arguments_.has_value();
    return Step::kDone;
  }
  if (expect_ == Expect::kCommaOrEnd) {
    expect_ = Expect::kKey;
    return byte == ',' ? Step::kMore : Step::kRefused;
  }
  if (byte != '"' && byte != '\'') return Step::kRefused;
  key_.emplace(byte, Dialect::kJson);
  expect_ = Expect::kInKey;
  return Step::kMore;
}

Step CallObject::take_value(char byte) {
  const Step step = value_->take(byte);
  if (step == Step::kRefused) return step;
  is_possible_ &= value_->is_sound();
  if (key_->value() == "name") follow_name();
  if (step == Step::kMore) return step;
  end_member();
  expect_ = Expect::kCommaOrEnd;
  return step == Step::kEnded ? take_structure(byte) : Step::kMore;
}

std::optional<OpenToolCall> CallObject::open_call() const {
  if (!is_possible_ || !name_is_complete_) return std::nullopt;
  OpenToolCall call{name_.found()->name, {}};
  if (arguments_)
    call.arguments = *arguments_;
  else if (expect_ == Expect::kValue && is_arguments_key(key_->value()) && value_->kind() == ValueReader::Kind::kObject)
    call.arguments = value_->json();
  return call;
}

// Another key than those of a call shows early that this is none.
void CallObject::follow_key() {
  if (is_possible_)
    is_possible_ =
        std::any_of(kKeys.begin(), kKeys.end(), [&](std::string_view key) { return key.starts_with(key_->value()); });
}

void CallObject::follow_name() {
  if (value_->kind() != ValueReader::Kind::kString && value_->kind() != ValueReader::Kind::kNone) is_possible_ = false;
  const std::string* read = value_->open_string();
  const std::string& name = read != nullptr ? *read : value_->string();
  while (is_possible_ && name_length_ < name.size()) is_possible_ = name_.advance(name[name_length_++]);
}

void CallObject::end_member() {
  using Kind = ValueReader::Kind;
  if (!is_possible_) return;
  const std::string& key = key_->value();
  if (key == "name") {
    is_possible_ = name_is_complete_ = name_.found() != nullptr;
  } else if (key == "type") {
    is_possible_ = value_->kind() == Kind::kString && value_->string() == "function";
  } else if (is_arguments_key(key)) {
    if (value_->kind() == Kind::kObject)
      is_possible_ = !std::exchange(arguments_, std::move(value_->json())).has_value();
    else if (value_->kind() == Kind::kNull)
      is_possible_ = !std::exchange(arguments_, "{}").has_value();
    else
      is_possible_ = value_->kind() == Kind::kString &&
                     !std::exchange(arguments_, read_object(value_->string(), Dialect::kJson)).has_value() &&
                     !arguments_->empty();
  }
}

}  // namespace paddock::text::tools
