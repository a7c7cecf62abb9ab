// SPDX-License-Identifier: Apache-2.0
#include "engine/draft.h"

namespace paddock::engine {
namespace {

// One token in common says little; more than eight say no more than eight.
constexpr size_t kLeastAgreement = 2, kMostAgreement = 8;

// Tokens before `end` that are the last ones of all, too.
size_t agreement(std::span<const int32_t> tokens, size_t end) {
  const size_t most = std::min(end, kMostAgreement);
  size_t agreed = 0;
  while (agreed < most && tokens[end - 1 - agreed] == tokens[tokens.size() - 1 - agreed]) ++agreed;
  return agreed;
}

}  // namespace

std::vector<int32_t> draft_after(std::span<const int32_t> tokens, int64_t most) {
  size_t next = 0, longest = kLeastAgreement - 1;
  for (size_t end = tokens.size(); end-- > 1 && longest < kMostAgreement;)
    if (const size_t agreed = agreement(tokens, end); agreed > longest) longest = agreed, next = end;
  std::vector<int32_t> draft;
  if (next == 0) return draft;
  while (static_cast<int64_t>(draft.size()) < most) {
    draft.push_back(next < tokens.size() ? tokens[next] : draft[next - tokens.size()]);
    ++next;
  }
  return draft;
}

}  // namespace paddock::engine
