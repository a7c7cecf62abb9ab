// SPDX-License-Identifier: Apache-2.0
#pragma once
// What several tests of this folder do with a grammar.

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/matcher.h"

namespace paddock::grammar {

// Every byte is a token; 256 ends a text.
inline std::shared_ptr<const MaskVocabulary> byte_vocabulary() {
  static const auto vocabulary = [] {
    static std::string all;
    for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
    std::vector<std::string_view> bytes;
    for (size_t byte = 0; byte < 256; ++byte) bytes.push_back(std::string_view(all).substr(byte, 1));
    bytes.push_back("");
    const TokenId stop = 256;
    return std::make_shared<const MaskVocabulary>(bytes, std::span(&stop, 1));
  }();
  return vocabulary;
}

// Time limits are in processor time, as machines that test are busy; sanitizers make everything slower.
#ifdef PADDOCK_SANITIZED
constexpr double kTestSlowdown = 30;
#else
constexpr double kTestSlowdown = 1;
#endif
inline double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Whether the whole text is one of the grammar's.
inline bool accepts(const Grammar::Pointer& grammar, std::string_view text) {
  Matcher matcher(grammar, byte_vocabulary());
  for (const char byte : text)
    if (!matcher.accept(static_cast<uint8_t>(byte))) return false;
  return matcher.is_complete();
}

}  // namespace paddock::grammar
