// SPDX-License-Identifier: Apache-2.0
// Any bytes as a presented key and as text that may hold keys: never a key that was not made, and no secret left over.

#include <cstdint>

#include "base/check.h"
#include "server/auth/api_key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::server::auth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = parse_api_key(text)) {
    CHECK(key->id == text.substr(kKeyPrefix.size(), kKeyIdLength));
    CHECK(key->hash == paddock::sha256(text));
  }
  const std::string redacted = redact_api_keys(text);
  CHECK(redact_api_keys(redacted) == redacted);
  // The same bytes in the place of a secret.
  const std::string around = "pdk_0123456789ab_" + std::string(text.substr(0, 70));
  if (const auto key = parse_api_key(around)) CHECK(redact_api_keys(around) == "pdk_0123456789ab_[redacted]");
  return 0;
}
