// SPDX-License-Identifier: Apache-2.0
#include "server/api/identifiers.h"

#include <sys/random.h>

#include <cstdint>

#include "base/check.h"

namespace paddock::server {

Identifiers Identifiers::random() {
  return Identifiers([] {
    uint8_t bytes[12];
    CHECK(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);  // so few are never cut short
    std::string digits;
    for (const uint8_t byte : bytes) {
      digits += "0123456789abcdef"[byte >> 4];
      digits += "0123456789abcdef"[byte & 15];
    }
    return digits;
  });
}

}  // namespace paddock::server
