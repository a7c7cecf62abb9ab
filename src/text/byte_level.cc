// SPDX-License-Identifier: Apache-2.0
#include "text/byte_level.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace paddock::text {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

// Code point to byte, -1 for what is not in the alphabet. The bytes that do not stand for themselves follow U+0100 in
// order.
constexpr std::array<int16_t, 0x144> byte_of_code_point() {
  std::array<int16_t, 0x144> table{};
  table.fill(-1);
  size_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const size_t code_point = stands_for_itself(byte) ? byte : next++;
    table[code_point] = static_cast<int16_t>(byte);
  }
  return table;
}

}  // namespace

bool append_byte_level(std::string& bytes, std::string_view text) {
  static constexpr std::array<int16_t, 0x144> kByteOf = byte_of_code_point();
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    if (!character.valid || character.code_point >= kByteOf.size() || kByteOf[character.code_point] < 0) return false;
    bytes.push_back(static_cast<char>(kByteOf[character.code_point]));
    text.remove_prefix(character.length);
  }
  return true;
}

}  // namespace paddock::text
