// SPDX-License-Identifier: Apache-2.0
#include "text/long_runs.h"

#include <algorithm>

#include "text/unicode_classes.h"

namespace paddock::text {
namespace {

// True only where nothing has to be cut, and almost always then: a run of more than kLongestRun characters would cover
// one of these blocks whole, and a block of text has a space and a letter within its first bytes.
bool is_far_from_limits(std::string_view text) {
  constexpr size_t kBlock = kLongestRun / 2;
  if (text.size() > kLongestText) return false;
  for (size_t begin = 0; begin + kBlock <= text.size(); begin += kBlock) {
    const std::string_view block = text.substr(begin, kBlock);
    const bool has_other =
        std::any_of(block.begin(), block.end(), [](char byte) { return byte > ' ' && byte < '\x7F'; });
    if (!has_other || block.find(' ') == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

void cut_long_runs(std::string_view text, const std::function<void(std::string_view)>& sink) {
  if (is_far_from_limits(text)) {
    if (!text.empty()) sink(text);
    return;
  }
  const ClassifiedText classified(text);
  size_t begin = 0;       // of the part
  size_t characters = 0;  // since the last cut at kLongestText
  size_t run = 0;         // characters of the same kind up to here
  bool run_is_space = false;
  for (size_t position = 0; position < text.size();) {
    const Character next = classified.at(position);
    const bool is_space = next.is(kBlank | kNewline) || (text[position] >= 0x1C && text[position] <= 0x1F);
    const bool is_full = characters == kLongestText;
    run = is_space == run_is_space && !is_full ? run + 1 : 1;
    run_is_space = is_space;
    if (is_full || run > kLongestRun) {
      sink(text.substr(begin, position - begin));
      begin = position;
      run = 1;
      if (is_full) characters = 0;
    }
    ++characters;
    position += next.length;
  }
  sink(text.substr(begin));
}

}  // namespace paddock::text
