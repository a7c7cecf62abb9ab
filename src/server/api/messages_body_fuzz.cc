// SPDX-License-Identifier: Apache-2.0
// The input is a body of Anthropic's messages, or of the route that counts their tokens.
#include <cstdint>
#include <string_view>

#include "server/api/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::server;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  fuzzing::check_parsed(parse_messages(body));
  if (const auto counted = parse_count_tokens(body); !counted) fuzzing::check_refusal(counted.error());
  return 0;
}
