// SPDX-License-Identifier: Apache-2.0
#pragma once
// An address of the internet protocol, of either version.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace paddock::net {

struct IpAddress {
  bool is_v6 = false;
  std::array<uint8_t, 16> bytes{};  // in the order of the network; of version 4 the first four

  bool operator==(const IpAddress&) const = default;

  // Four decimal numbers, or a form of RFC 4291. Nothing else: not the hexadecimal, octal and short spellings that some
  // programs take for addresses, nor zones.
  static std::optional<IpAddress> parse(std::string_view text);
  // None where it is of another family.
  static std::optional<IpAddress> of(const sockaddr& address);
  // The shortest form.
  std::string text() const;
};

}  // namespace paddock::net
