// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tokenizer.model. Every byte value is given a token first, so that the lines of the input matter.

#include <string>

#include "base/check.h"
#include "text/tokenizer.h"
#include "text/vocabulary_ranks.h"

namespace {

// "AA== 0" to "/w== 255".
std::string byte_lines() {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string lines;
  for (int byte = 0; byte < 256; ++byte)
    lines += std::string{kAlphabet[byte >> 2], kAlphabet[byte << 4 & 0x30]} + "== " + std::to_string(byte) + "\n";
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::text;
  static const std::string kBytes = byte_lines();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)vocabulary_from_ranks(input, "fuzz");
  auto vocabulary = vocabulary_from_ranks(kBytes + std::string(input), "fuzz");
  if (!vocabulary) return 0;
  const auto tokenizer = Tokenizer::create(std::move(*vocabulary));
  CHECK(tokenizer.has_value());
  const std::string_view text = "Hello  <|eot|> world 123\n\n aaab";
  for (const Specials specials : {Specials::kNone, Specials::kAll})
    CHECK(tokenizer->decode(tokenizer->encode(text, specials), SpecialText::kShow) == text);
  return 0;
}
