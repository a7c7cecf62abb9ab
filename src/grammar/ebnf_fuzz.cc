// SPDX-License-Identifier: Apache-2.0
// The input is a grammar in EBNF, and after a zero byte which tokens to prefer.

#include <algorithm>
#include <cstdint>

#include "grammar/fuzz_matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min<size_t>(input.find('\0'), size);
  grammar::check_grammar(grammar::Grammar::from_ebnf(input.substr(0, end)), input.substr(std::min(size, end + 1)));
  return 0;
}
