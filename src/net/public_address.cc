// SPDX-License-Identifier: Apache-2.0
#include "net/public_address.h"

#include <algorithm>
#include <span>

namespace paddock::net {
namespace {

constexpr const char* kThisMachine = "an address of the machine itself";
constexpr const char* kPrivate = "an address of a private network";
constexpr const char* kLink = "an address of the local link";
constexpr const char* kMulticast = "an address of a group";
constexpr const char* kDocumentation = "an address of examples";
constexpr const char* kReserved = "a reserved address";
constexpr const char* kEmbedding = "an address that stands for another";

struct Range {
  std::array<uint8_t, 6> beginning;
  int bits;
  const char* what;
};

constexpr Range kNotPublicV4[] = {
    {{0}, 8, kThisMachine},                // RFC 791; Linux connects to 0.0.0.0 as to itself
    {{10}, 8, kPrivate},                   // RFC 1918
    {{100, 64}, 10, kPrivate},             // RFC 6598, shared by a provider's customers
    {{127}, 8, kThisMachine},              // RFC 1122
    {{169, 254}, 16, kLink},               // RFC 3927; where clouds keep a machine's credentials
    {{172, 16}, 12, kPrivate},             // RFC 1918
    {{192, 0, 0}, 24, kReserved},          // RFC 6890
    {{192, 0, 2}, 24, kDocumentation},     // RFC 5737
    {{192, 88, 99}, 24, kReserved},        // RFC 7526, relays of 6to4
    {{192, 168}, 16, kPrivate},            // RFC 1918
    {{198, 18}, 15, kPrivate},             // RFC 2544, tests of network devices
    {{198, 51, 100}, 24, kDocumentation},  // RFC 5737
    {{203, 0, 113}, 24, kDocumentation},   // RFC 5737
    {{224}, 4, kMulticast},                // RFC 1112
    {{240}, 4, kReserved},                 // RFC 1112, and 255.255.255.255
};

constexpr Range kNotPublicV6[] = {
    {{0xfc}, 7, kPrivate},                           // RFC 4193
    {{0xfe, 0x80}, 10, kLink},                       // RFC 4291
    {{0xff}, 8, kMulticast},                         // RFC 4291
    {{0x20, 0x01, 0x00, 0x00}, 32, kEmbedding},      // RFC 4380, Teredo
    {{0x20, 0x01, 0x00}, 23, kReserved},             // RFC 2928, protocols
    {{0x20, 0x01, 0x0d, 0xb8}, 32, kDocumentation},  // RFC 3849
    {{0x20, 0x02}, 16, kEmbedding},                  // RFC 3056, 6to4
    {{0x3f, 0xff, 0x00}, 20, kDocumentation},        // RFC 9637
};
constexpr Range kGlobalV6 = {{0x20}, 3, nullptr};  // all that has been given out: RFC 4291

constexpr std::array<uint8_t, 12> kThroughNat64 = {0x00, 0x64, 0xff, 0x9b};              // RFC 6052, /96
constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291, /96

bool is_within(const Range& range, std::span<const uint8_t> bytes) {
  const auto whole = static_cast<size_t>(range.bits / 8);
  if (!std::equal(bytes.begin(), bytes.begin() + range.bits / 8, range.beginning.begin())) return false;
  const int rest = 8 - range.bits % 8;
  return rest == 8 || bytes[whole] >> rest == range.beginning[whole] >> rest;
}

const char* found_in(std::span<const Range> ranges, std::span<const uint8_t> bytes) {
  const auto found = std::ranges::find_if(ranges, [&](const Range& range) { return is_within(range, bytes); });
  return found == ranges.end() ? nullptr : found->what;
}

}  // namespace

const char* not_public(const IpAddress& address) {
  const std::span<const uint8_t> bytes(address.bytes);
  if (!address.is_v6) return found_in(kNotPublicV4, bytes.first(4));
  // Networks without version 4 reach all of it by such names, so that what they stand for decides.
  if (std::ranges::equal(bytes.first(12), kThroughNat64)) return found_in(kNotPublicV4, bytes.subspan(12));
  if (const char* what = found_in(kNotPublicV6, bytes)) return what;
  if (is_within(kGlobalV6, bytes)) return nullptr;
  // The rest begins with zeros: nothing of it is sent over a network.
  if (std::ranges::equal(bytes.first(12), kMapped)) return kEmbedding;
  if (std::ranges::all_of(bytes.first(15), [](uint8_t byte) { return byte == 0; }) && bytes[15] <= 1)
    return kThisMachine;
  return std::ranges::all_of(bytes.first(12), [](uint8_t byte) { return byte == 0; }) ? kEmbedding : kReserved;
}

}  // namespace paddock::net
