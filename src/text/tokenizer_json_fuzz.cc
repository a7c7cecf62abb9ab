// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tokenizer.json: refused or usable, never a crash.

#include "base/check.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/vocabulary_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::text;
  auto vocabulary = vocabulary_from_json({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!vocabulary) return 0;
  const auto tokenizer = Tokenizer::create(std::move(*vocabulary));
  if (!tokenizer) return 0;
  for (const Specials specials : {Specials::kNone, Specials::kAll}) {
    const auto ids = tokenizer->encode("Hello  <|eot|> w\xC3\xB6rld 123\n\n aaab\xFF", specials);
    for (const TokenId id : ids) CHECK(!tokenizer->token_bytes(id).empty());
    CHECK(paddock::is_valid_utf8(tokenizer->decode(ids, SpecialText::kShow)));
  }
  return 0;
}
