// SPDX-License-Identifier: Apache-2.0
// The input is a body, taken for one of chat, completions, tokenize, detokenize, and what loads and unloads adapters.
#include <cstdint>
#include <string_view>

#include "server/api/fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::server;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  fuzzing::check_parsed(parse_chat(body));
  fuzzing::check_parsed(parse_completions(body));
  if (const auto tokenize = parse_tokenize(body); !tokenize) fuzzing::check_refusal(tokenize.error());
  if (const auto load = parse_load_adapter(body); !load) fuzzing::check_refusal(load.error());
  if (const auto unload = parse_unload_adapter(body); !unload) fuzzing::check_refusal(unload.error());
  if (const auto detokenize = parse_detokenize(body); !detokenize) fuzzing::check_refusal(detokenize.error());
  return 0;
}
