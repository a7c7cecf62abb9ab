// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.h"

#include <algorithm>
#include <unordered_set>

namespace paddock::text {

void add_known_stops(Vocabulary& vocabulary) {
  static constexpr std::string_view kEnds[] = {"<|end_of_text|>", "<|eom|>",       "<|eot|>",   "<|eom_id|>",
                                               "<|eot_id|>",      "<|endoftext|>", "<|im_end|>"};
  std::vector<TokenId>& stop = vocabulary.stop;
  for (const AddedToken& token : vocabulary.added)
    if (token.special && std::find(std::begin(kEnds), std::end(kEnds), token.text) != std::end(kEnds))
      stop.push_back(token.id);
  std::sort(stop.begin(), stop.end());
  stop.erase(std::unique(stop.begin(), stop.end()), stop.end());
}

void keep_special_out_of_text(Vocabulary& vocabulary) {
  std::unordered_set<TokenId> special(vocabulary.unnamed.begin(), vocabulary.unnamed.end());
  for (const AddedToken& token : vocabulary.added)
    if (token.special) special.insert(token.id);
  for (const TokenId id : special) vocabulary.tokens.hide(id);
  std::erase_if(vocabulary.merges, [&](const Merge& merge) { return special.contains(merge.result); });
}

}  // namespace paddock::text
