// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <array>
#include <cstdint>

namespace paddock {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> kValues = [] {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t digit = 0; digit < kLetters.size(); ++digit)
    values[static_cast<uint8_t>(kLetters[digit])] = static_cast<uint8_t>(digit);
  return values;
}();

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return {};
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int known = 0;
  for (const char letter : text) {
    const uint8_t digit = kValues[static_cast<uint8_t>(letter)];
    if (digit == kNoDigit) return {};
    bits = bits << 6 | digit;
    known += 6;
    if (known < 8) continue;
    known -= 8;
    bytes += static_cast<char>(bits >> known & 0xff);
  }
  return bytes;
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](size_t index) -> uint32_t {
      return index < bytes.size() ? static_cast<uint8_t>(bytes[index]) : 0;
    };
    const uint32_t bits = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    for (int digit = 0; digit < 4; ++digit)
      text += at + static_cast<size_t>(digit) <= bytes.size() ? kLetters[bits >> (18 - 6 * digit) & 63] : '=';
  }
  return text;
}

}  // namespace paddock
