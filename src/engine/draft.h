// SPDX-License-Identifier: Apache-2.0
#pragma once
// Guesses of what a sequence says next: what followed when it, or its prompt, said the same before. A step that
// computes them besides gives several tokens where they are right; where they are wrong it has cost their rows.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace paddock::engine {

// `most` tokens that followed the latest of the places in `tokens` that agree longest with their end; none where
// fewer than two tokens agree. A text that runs into its own end goes on in the same period. Looks at every token, as
// attention of global layers does in each of them.
std::vector<int32_t> draft_after(std::span<const int32_t> tokens, int64_t most);

// How long the drafts of one sequence may be: twice as long once all of one was right, half as long once less than half
// was. After a draft of one token that was wrong there is none for sixteen tokens.
class DraftLength {
 public:
  // At most `most` tokens; 0: none ever. The first draft gets two: a wrong one of eight costs as much as three steps.
  explicit DraftLength(int64_t most) : most_(most), length_(std::min<int64_t>(most, 2)) {}

  // For a sequence that has `tokens` tokens.
  int64_t at(int64_t tokens) const { return tokens < resumes_at_ ? 0 : length_; }

  // Of a draft after `tokens` tokens, `accepted` of `drafted` were right.
  void note(int64_t tokens, int64_t drafted, int64_t accepted) {
    if (accepted == drafted) {
      length_ = std::min(2 * length_, most_);
    } else if (2 * accepted < drafted) {
      if (drafted == 1) resumes_at_ = tokens + 16;
      length_ = std::max<int64_t>(drafted / 2, 1);
    }
  }

 private:
  int64_t most_, length_;
  int64_t resumes_at_ = 0;
};

}  // namespace paddock::engine
