// SPDX-License-Identifier: Apache-2.0
#include "text/long_runs.h"

#include "text/unicode_classes.h"

namespace paddock::text {

void cut_long_runs(std::string_view text, const std::function<void(std::string_view)>& sink) {
  if (text.size() <= kLongestRun) {  // a character has at least one byte
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
