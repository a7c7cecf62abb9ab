// SPDX-License-Identifier: Apache-2.0
#include "text/stop_strings.h"

#include <algorithm>
#include <utility>

namespace paddock::text {

StopStrings::StopStrings(const std::vector<std::string>& stops) {
  for (const std::string& stop : stops) {
    if (stop.empty()) continue;
    Matcher matcher{stop, std::vector<size_t>(stop.size() + 1, 0), 0};
    for (size_t length = 2; length <= stop.size(); ++length) {
      size_t border = matcher.fallback[length - 1];
      while (border > 0 && stop[border] != stop[length - 1]) border = matcher.fallback[border];
      matcher.fallback[length] = border + (stop[border] == stop[length - 1] ? 1 : 0);
    }
    matchers_.push_back(std::move(matcher));
  }
}

void StopStrings::Matcher::advance(char byte) {
  while (matched > 0 && stop[matched] != byte) matched = fallback[matched];
  if (stop[matched] == byte) ++matched;
}

std::string StopStrings::push(std::string_view text) {
  if (found_) return {};
  size_t may_begin_stop = 0;  // bytes at the end of held_ + text read so far
  for (size_t position = 0; position < text.size() && !found_; ++position) {
    may_begin_stop = 0;
    for (Matcher& matcher : matchers_) {
      matcher.advance(text[position]);
      found_ |= matcher.is_complete();
    }
    for (const Matcher& matcher : matchers_)
      if ((!found_ || matcher.is_complete()) && matcher.matched > may_begin_stop) {
        may_begin_stop = matcher.matched;
        if (found_) found_string_ = matcher.stop;
      }
    if (found_) text = text.substr(0, position + 1);
  }
  held_ += text;
  if (text.empty()) return {};
  std::string known = held_.substr(0, held_.size() - may_begin_stop);
  held_ = found_ ? std::string() : held_.substr(known.size());
  return known;
}

std::string StopStrings::flush() {
  for (Matcher& matcher : matchers_) matcher.matched = 0;
  return std::exchange(held_, {});
}

}  // namespace paddock::text
