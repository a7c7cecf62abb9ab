// SPDX-License-Identifier: Apache-2.0
// The input is a body of OpenAI's responses. What is accepted is stored, and the next turn goes on with it.
#include <cstdint>
#include <string_view>

#include "server/api/fuzz_support.h"
#include "server/api/response_store.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::server;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  MemoryResponseStore store({}, [] { return int64_t{0}; });
  const Identifiers identifiers = fuzzing::constant_identifiers();
  const auto parsed = parse_responses(body, &store, "key", identifiers);
  fuzzing::check_parsed(parsed);
  if (!parsed) return 0;
  const auto response = paddock::Json::parse(
      R"({"id":"resp_1","output":[{"type":"message","id":"msg_2","role":"assistant","content":[{"type":"output_text","text":"a"}]}]})");
  store.put("key", stored_turn(*parsed, share(response)));
  const auto next =
      parse_responses(R"({"model":"m","input":"on","previous_response_id":"resp_1"})", &store, "key", identifiers);
  CHECK(next);
  CHECK(stored_input_items(store, "key", "resp_1", {}));
  return 0;
}
