// SPDX-License-Identifier: Apache-2.0
// Any strings as a GGUF vocabulary. The first line is the name of the split pattern, a line that begins with '=' a
// merge, and any other a token: its type, then its text.

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/vocabulary_gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::text;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto next_line = [&] {
    const size_t end = std::min(input.find('\n'), input.size());
    const std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    return line;
  };
  GgufVocabulary gguf;
  gguf.model = "gpt2";
  gguf.pre = next_line();
  std::vector<std::string_view> tokens;
  std::vector<std::string_view> merges;
  while (!input.empty()) {
    const std::string_view line = next_line();
    if (line.empty()) continue;
    if (line[0] == '=') {
      merges.push_back(line.substr(1));
    } else {
      gguf.token_types.push_back(line[0] - '0');
      tokens.push_back(line.substr(1));
    }
  }
  gguf.tokens = tokens;
  gguf.merges = merges;
  gguf.bos_id = static_cast<int64_t>(merges.size());
  auto vocabulary = vocabulary_from_gguf(gguf, "fuzz");
  if (!vocabulary) return 0;
  const auto tokenizer = Tokenizer::create(std::move(*vocabulary));
  CHECK(tokenizer.has_value());
  const auto ids = tokenizer->encode("Hello  <|eot|> w\xC3\xB6rld 123\n\n aaab\xFF", Specials::kAll);
  CHECK(paddock::is_valid_utf8(tokenizer->decode(ids, SpecialText::kShow)));
  return 0;
}
