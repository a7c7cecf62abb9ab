// SPDX-License-Identifier: Apache-2.0
#pragma once
// Texts that end an answer. They may straddle tokens, so text that may turn out to begin one is held back.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace paddock::text {

// What is given out does not depend on how the text was cut into pieces: the stop string that is complete first ends
// it, and of those complete at the same place the longest. Time is linear in the text. For one thread at a time.
class StopStrings {
 public:
  // Valid UTF-8; empty ones never match.
  explicit StopStrings(const std::vector<std::string>& stops);

  // The text that is now known to come before any stop string. Empty once one has been found.
  std::string push(std::string_view text);

  // What was held back, when no more text will come.
  std::string flush();

  bool found() const { return found_; }
  const std::string& found_string() const { return found_string_; }  // the one that ended the text

 private:
  // Knuth, Morris and Pratt: how much of the stop string the text read so far ends with.
  struct Matcher {
    std::string stop;
    std::vector<size_t> fallback;  // [n]: the longest proper prefix of stop[0, n) that is also its suffix
    size_t matched = 0;

    void advance(char byte);
    bool is_complete() const { return matched == stop.size(); }
  };

  std::vector<Matcher> matchers_;
  std::string held_;
  bool found_ = false;
  std::string found_string_;
};

}  // namespace paddock::text
