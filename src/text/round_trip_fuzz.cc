// SPDX-License-Identifier: Apache-2.0
// Encoding any bytes and decoding the ids gives the text back, under every split pattern, with and without special
// tokens, and however a template and a user share the text.

#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

namespace {

using namespace paddock::text;

Tokenizer make_tokenizer(SplitStep step, bool whole_pieces_first) {
  Vocabulary vocabulary;
  for (TokenId byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    CHECK(vocabulary.tokens.add(byte, {&text, 1}, true).has_value());
  }
  for (const char* text : {"th", "the", " t", " the", "  ", "    ", "\n\n", "aa", "aaaa", "ab", "aab", "\xC3\xA9", "12",
                           "123", "<|", "|>"})
    CHECK(vocabulary.tokens.add(vocabulary.tokens.size(), text, true).has_value());
  vocabulary.merges = merges_of_ranks(vocabulary.tokens).value();
  for (const char* text : {"<|eot|>", "<|e", "|>"}) {
    const TokenId id = vocabulary.tokens.size();
    CHECK(vocabulary.tokens.add(id, text, false).has_value());
    vocabulary.added.push_back({.id = id, .text = text, .special = text[1] != '>'});
  }
  vocabulary.split = {{.kind = SplitKind::kDigitRuns}, std::move(step)};
  if (whole_pieces_first) vocabulary.split.erase(vocabulary.split.begin());
  vocabulary.whole_pieces_first = whole_pieces_first;
  vocabulary.cut_long_runs = whole_pieces_first;
  return Tokenizer::create(std::move(vocabulary)).value();
}

const std::vector<Tokenizer>& tokenizers() {
  static const std::vector<Tokenizer> all = [] {
    std::vector<Tokenizer> made;
    for (const bool whole_pieces_first : {false, true})
      for (SplitStep step : {SplitStep{.kind = SplitKind::kO200k}, SplitStep{.kind = SplitKind::kLlama3},
                             SplitStep{.kind = SplitKind::kGpt2}, SplitStep{.kind = SplitKind::kSingleDigits},
                             SplitStep{.kind = SplitKind::kRegex, .pattern = "\\p{L}+|\\s+(?!\\S)"}})
        made.push_back(make_tokenizer(std::move(step), whole_pieces_first));
    return made;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string expected = paddock::replace_invalid_utf8(text);
  // Spans that change hands at every '\t', which each side keeps whole.
  RenderedText rendered;
  std::string expected_rendered;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = std::min(rest.find('\t'), rest.size() - 1) + 1;
    rendered.push_back({std::string(rest.substr(0, end)), rendered.size() % 2 == 0});
    expected_rendered += paddock::replace_invalid_utf8(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  for (const Tokenizer& tokenizer : tokenizers()) {
    for (const Specials specials : {Specials::kNone, Specials::kAll})
      CHECK(tokenizer.decode(tokenizer.encode(text, specials), SpecialText::kShow) == expected);
    CHECK(tokenizer.decode(tokenizer.encode(rendered), SpecialText::kShow) == expected_rendered);
  }
  return 0;
}
