// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the fuzz targets of this folder do with a grammar and some bytes.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "grammar/matcher.h"

namespace paddock::grammar {

inline std::shared_ptr<const MaskVocabulary> fuzz_vocabulary() {
  static const auto vocabulary = [] {
    std::vector<std::string> texts;
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    for (const char* text :
         {"{\"", "\":", "\",\"", "},", "]}", "true", "12", "ab", "abc", "é", "\xC3", "\"}", "", "<stop>"})
      texts.emplace_back(text);
    const std::vector<std::string_view> bytes(texts.begin(), texts.end());
    const auto stop = static_cast<TokenId>(bytes.size() - 1);
    return std::make_shared<const MaskVocabulary>(bytes, std::span(&stop, 1), MaskVocabulary::Options{1 << 20});
  }();
  return vocabulary;
}

// An error is a sentence. A grammar has a text, tokens that its masks allow are accepted, and others are not.
inline void check_grammar(const Result<Grammar::Pointer>& grammar, std::string_view tokens) {
  if (!grammar) {
    CHECK(!grammar.error().message.empty() && is_valid_utf8(grammar.error().message));
    return;
  }
  const auto vocabulary = fuzz_vocabulary();
  Matcher matcher(*grammar, vocabulary);
  CHECK(matcher.is_complete() || matcher.can_continue());
  std::vector<uint32_t> bits(vocabulary->mask_words());
  constexpr size_t kSteps = 24;
  for (const char drawn : tokens.substr(0, kSteps)) {
    // All single bytes are tokens, so that a text that is not over has a next token.
    CHECK(matcher.fill_mask(bits));
    auto token = static_cast<TokenId>(static_cast<uint8_t>(drawn));
    while (!(bits[static_cast<size_t>(token) / 32] >> (token % 32) & 1)) {
      if (token == static_cast<TokenId>(static_cast<uint8_t>(drawn))) {
        Matcher copy = matcher;
        CHECK(!copy.accept(token));
      }
      token = (token + 1) % vocabulary->size();
    }
    CHECK(matcher.accept(token));
    if (matcher.is_stopped()) return;
  }
}

}  // namespace paddock::grammar
