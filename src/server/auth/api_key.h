// SPDX-License-Identifier: Apache-2.0
#pragma once
// The text that a client presents: pdk_ID_SECRETCHECK, all but "pdk_" lower-case hexadecimal. ID is 12 digits and names
// the key in lists and logs; SECRET is 64 digits, 256 bits from the operating system; CHECK is 6 digits of a hash of
// what stands before, so that a mistyped key is told from an unknown one without looking it up.

#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace paddock::server::auth {

constexpr std::string_view kKeyPrefix = "pdk_";
constexpr size_t kKeyIdLength = 12;

// A key that has just been made. `text` is shown once and kept nowhere.
struct NewSecret {
  std::string id;
  std::string text;
  Digest hash;  // of the whole text: what is stored. The text has 256 random bits, so that a fast hash is enough
};

// Of a new key, or with `id` another secret for a key that exists. The error is the operating system's.
Result<NewSecret> new_secret(std::string id = "");

enum class KeyFault {
  kMalformed,  // not of this form at all
  kMistyped,   // of this form, but the check digits are wrong
};

struct PresentedKey {
  std::string id;
  Digest hash;
};

tl::expected<PresentedKey, KeyFault> parse_api_key(std::string_view presented);

// The text without secrets: of everything that looks like a key, whole or cut, what follows the id becomes
// "[redacted]".
std::string redact_api_keys(std::string_view text);

}  // namespace paddock::server::auth
