// SPDX-License-Identifier: Apache-2.0
// The input is a schema as JSON, and after a zero byte which tokens to prefer.

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "grammar/fuzz_matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min<size_t>(input.find('\0'), size);
  const auto schema = parse_json(input.substr(0, end), "schema", {.exact_integers = true});
  if (!schema) return 0;
  const auto tokens = input.substr(std::min(size, end + 1));
  for (const auto whitespace : {grammar::Whitespace::kAfterSign, grammar::Whitespace::kPretty})
    grammar::check_grammar(grammar::Grammar::from_json_schema(*schema, {.whitespace = whitespace}), tokens);
  return 0;
}
