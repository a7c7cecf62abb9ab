// SPDX-License-Identifier: Apache-2.0
#include "text/tools/content.h"

#include <utility>

#include "text/tools/step.h"

namespace paddock::text::tools {

void Content::append(char byte) {
  if (is_marker(byte)) return;
  switch (beginning_) {
    case Beginning::kNothing: beginning_ = is_blank(byte) ? Beginning::kHeld : Beginning::kGiven; break;
    case Beginning::kStripped:
      if (is_blank(byte)) return;
      beginning_ = Beginning::kGiven;
      break;
    default: break;
  }
  if (beginning_ == Beginning::kGiven) return give(byte);
  held_ += byte;
  if (held_.size() < kMostHeld || is_blank(byte)) return;
  beginning_ = Beginning::kGiven;
  for (const char each : std::exchange(held_, {})) give(each);
}

void Content::give(char byte) {
  if (is_blank(byte)) {
    blanks_ += byte;
    return;
  }
  ready_ += blanks_;
  ready_ += byte;
  blanks_.clear();
}

void Content::note_call() {
  has_calls_ = true;
  if (beginning_ == Beginning::kGiven) return;
  beginning_ = Beginning::kStripped;
  for (const char each : std::exchange(held_, {})) append(each);
}

void Content::finish() {
  ready_ += std::exchange(held_, {});
  if (!has_calls_) ready_ += blanks_;
  blanks_.clear();
}

std::string Content::take_ready() { return std::exchange(ready_, {}); }

}  // namespace paddock::text::tools
