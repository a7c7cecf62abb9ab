// SPDX-License-Identifier: Apache-2.0
#pragma once
// Addresses of the web that a server may be asked to look up. Strict: what two programs could read differently, so that
// one would check a host and the other ask another, is refused.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/ip_address.h"

namespace paddock::net {

inline constexpr size_t kLongestUrl = 8192;  // bytes

// HOST or HOST:PORT.
struct Authority {
  std::string host;  // in lower case; an address in its shortest form, without brackets
  std::optional<IpAddress> address;
  std::optional<uint16_t> port;

  std::string host_text() const;  // with brackets where it needs them
};
// Names are letters, digits, hyphens, underscores and points; one whose last label is a number has to be an address.
Result<Authority> parse_authority(std::string_view text);

// Of http or https, without a user's name and password; what follows # is gone.
struct Url {
  bool is_secure = false;
  Authority authority;
  std::string target = "/";  // path and query, in printable ASCII

  uint16_t port() const { return authority.port.value_or(is_secure ? 443 : 80); }
  std::string text() const;
};
// An error says what is wrong and does not repeat the address, which may hold secrets.
Result<Url> parse_url(std::string_view text);

}  // namespace paddock::net
