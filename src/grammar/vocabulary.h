// SPDX-License-Identifier: Apache-2.0
#pragma once
// A vocabulary as grammars need it: built once for a tokenizer, used by any number of matchers.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/byte_trie.h"

namespace paddock::grammar {

using TokenId = int32_t;

class MaskCache;

class MaskVocabulary {
 public:
  struct Options {
    // What masks that were found once may take in memory: they are kept for all grammars together.
    size_t cache_bytes = size_t{128} << 20;
  };

  // bytes[id] are the token's bytes, copied. Empty for tokens that stand for no text, special ones above all: they are
  // never allowed. Stop tokens end a text, and are allowed where it may end, whatever their bytes.
  MaskVocabulary(std::span<const std::string_view> bytes, std::span<const TokenId> stop, const Options& options);
  MaskVocabulary(std::span<const std::string_view> bytes, std::span<const TokenId> stop)
      : MaskVocabulary(bytes, stop, Options{}) {}
  ~MaskVocabulary();
  MaskVocabulary(const MaskVocabulary&) = delete;
  MaskVocabulary& operator=(const MaskVocabulary&) = delete;

  TokenId size() const { return static_cast<TokenId>(offsets_.size()) - 1; }
  size_t mask_words() const { return (offsets_.size() + 30) / 32; }  // 32-bit words of a mask
  std::string_view bytes(TokenId token) const {
    if (token < 0 || token >= size()) return {};
    const auto id = static_cast<size_t>(token);
    return std::string_view(arena_).substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
  }
  bool is_stop(TokenId token) const;
  std::span<const TokenId> stop() const { return stop_; }
  const ByteTrie& trie() const { return trie_; }  // without stop tokens
  MaskCache& cache() const { return *cache_; }

 private:
  std::string arena_;
  std::vector<uint32_t> offsets_;
  std::vector<TokenId> stop_;  // sorted
  ByteTrie trie_;
  std::unique_ptr<MaskCache> cache_;
};

}  // namespace paddock::grammar
