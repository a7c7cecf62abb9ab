// SPDX-License-Identifier: Apache-2.0
#include <string_view>
#include <utility>

#include "text/tools/call_readers.h"

namespace paddock::text::tools {
namespace {

constexpr std::string_view kAfterBegin = "function=";  // after '<'
constexpr std::string_view kAfterEnd = "/function>";   // after '<'

}  // namespace

Step CallTag::take(char byte) {
  switch (expect_) {
    case Expect::kBegin:
      if (byte != kAfterBegin[matched_]) return Step::kRefused;
      if (++matched_ == kAfterBegin.size()) expect_ = Expect::kName;
      return Step::kMore;
    case Expect::kName:
      if (byte == '<' || byte == '\n' || is_marker(byte)) return Step::kRefused;
      if (byte != '>') {
        is_possible_ = name_.advance(byte);
        return Step::kMore;
      }
      is_possible_ = name_.found() != nullptr;
      expect_ = Expect::kBody;
      return Step::kMore;
    case Expect::kBody:
    case Expect::kEnd:
      if (is_blank(byte)) return Step::kMore;
      if (byte == '<') {
        matched_ = 0;
        expect_ = Expect::kInEnd;
        return Step::kMore;
      }
      if (byte != '{' || expect_ == Expect::kEnd) return Step::kRefused;
      expect_ = Expect::kInBody;
      return body_.take(byte);
    case Expect::kInBody: {
      const Step step = body_.take(byte);
      is_possible_ &= body_.is_sound();
      if (step != Step::kDone) return step;
      has_body_ = true;
      expect_ = Expect::kEnd;
      return Step::kMore;
    }
    case Expect::kInEnd:
      if (byte != kAfterEnd[matched_]) return Step::kRefused;
      return ++matched_ == kAfterEnd.size() ? Step::kDone : Step::kMore;
  }
  return Step::kRefused;
}

// An empty body may still have been about to come when the output was cut off.
bool CallTag::may_end_here(bool truncated) const {
  const bool is_after_body = expect_ == Expect::kEnd || (expect_ == Expect::kInEnd && has_body_);
  return is_after_body || (!truncated && (expect_ == Expect::kBody || expect_ == Expect::kInEnd));
}

std::optional<OpenToolCall> CallTag::open_call() const {
  if (!is_possible_ || expect_ == Expect::kBegin || expect_ == Expect::kName) return std::nullopt;
  return OpenToolCall{name_.found()->name, body_.json()};
}

ToolCall CallTag::call() { return {name_.found()->name, has_body_ ? std::move(body_.json()) : "{}"}; }

}  // namespace paddock::text::tools
