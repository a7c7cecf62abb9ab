// SPDX-License-Identifier: Apache-2.0
#include "server/auth/api_key.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace paddock::server::auth {
namespace {

constexpr size_t kIdBytes = kKeyIdLength / 2;
constexpr size_t kSecretBytes = 32;
constexpr size_t kCheckLength = 6;
constexpr size_t kCheckedLength = kKeyPrefix.size() + kKeyIdLength + 1 + 2 * kSecretBytes;  // what the check is of

std::string check_digits(std::string_view checked) { return to_hex(sha256(checked)).substr(0, kCheckLength); }

Result<std::string> random_hex(size_t count) {
  char bytes[kSecretBytes];
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes + filled, count - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error(ErrorCode::kIo, "getrandom: no random bytes for a key: {}", std::strerror(errno));
    filled += static_cast<size_t>(got);
  }
  std::string text = to_hex(std::string_view(bytes, count));
  OPENSSL_cleanse(bytes, sizeof bytes);
  return text;
}

size_t hex_run(std::string_view text) {
  const auto* end = std::ranges::find_if(text, [](char c) { return !is_lower_hex({&c, 1}); });
  return static_cast<size_t>(end - text.begin());
}

}  // namespace

Result<NewSecret> new_secret(std::string id) {
  if (id.empty()) id = TRY(random_hex(kIdBytes));
  std::string text = std::string(kKeyPrefix) + id + "_" + TRY(random_hex(kSecretBytes));
  text += check_digits(text);
  const Digest hash = sha256(text);
  return NewSecret{std::move(id), std::move(text), hash};
}

tl::expected<PresentedKey, KeyFault> parse_api_key(std::string_view presented) {
  if (presented.size() != kCheckedLength + kCheckLength || !presented.starts_with(kKeyPrefix))
    return tl::unexpected(KeyFault::kMalformed);
  const std::string_view id = presented.substr(kKeyPrefix.size(), kKeyIdLength);
  const std::string_view rest = presented.substr(kKeyPrefix.size() + kKeyIdLength);
  if (!is_lower_hex(id) || rest.front() != '_' || !is_lower_hex(rest.substr(1)))
    return tl::unexpected(KeyFault::kMalformed);
  if (presented.substr(kCheckedLength) != check_digits(presented.substr(0, kCheckedLength)))
    return tl::unexpected(KeyFault::kMistyped);
  return PresentedKey{std::string(id), sha256(presented)};
}

std::string redact_api_keys(std::string_view text) {
  std::string redacted;
  redacted.reserve(text.size());
  for (size_t found; (found = text.find(kKeyPrefix)) != std::string_view::npos;) {
    const size_t id_begin = found + kKeyPrefix.size();
    const size_t id_length = hex_run(text.substr(id_begin, kKeyIdLength));
    size_t end = id_begin + id_length;
    redacted += text.substr(0, end);
    if (id_length == kKeyIdLength && end + 1 < text.size() && text[end] == '_') {
      const size_t secret_length = hex_run(text.substr(end + 1));
      if (secret_length > 0) redacted += "_[redacted]";
      end += secret_length > 0 ? 1 + secret_length : 0;
    }
    text.remove_prefix(end);
  }
  return redacted.append(text);
}

}  // namespace paddock::server::auth
