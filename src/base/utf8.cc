// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <cstring>

namespace paddock {
namespace {

struct LeadByte {
  int length;           // bytes of the whole character; 0 for a byte that cannot lead
  unsigned second_low;  // the range that the second byte must lie in
  unsigned second_high;
  unsigned payload;  // the bits of the lead byte itself
};

LeadByte classify(unsigned lead) {
  if (lead < 0x80) return {1, 0, 0, lead};
  if (lead < 0xC2) return {0, 0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF, lead & 0x1F};
  if (lead == 0xE0) return {3, 0xA0, 0xBF, 0};
  if (lead == 0xED) return {3, 0x80, 0x9F, 0x0D};  // no surrogates
  if (lead < 0xF0) return {3, 0x80, 0xBF, lead & 0x0F};
  if (lead == 0xF0) return {4, 0x90, 0xBF, 0};
  if (lead < 0xF4) return {4, 0x80, 0xBF, lead & 0x07};
  if (lead == 0xF4) return {4, 0x80, 0x8F, 4};
  return {0, 0, 0, 0};
}

bool is_continuation(const LeadByte& lead, size_t index, unsigned byte) {
  return index == 1 ? byte >= lead.second_low && byte <= lead.second_high : (byte & 0xC0) == 0x80;
}

// How many of the first bytes are ASCII, found eight at a time; what is left of the last eight is not counted.
size_t ascii_prefix(std::string_view bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t length = 0;
  for (uint64_t word = 0; length + sizeof word <= bytes.size(); length += sizeof word) {
    std::memcpy(&word, bytes.data() + length, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  return length;
}

}  // namespace

Utf8Character decode_utf8(std::string_view bytes) {
  const auto at = [&](size_t index) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[index])); };
  const LeadByte lead = classify(at(0));
  if (lead.length == 1) return {static_cast<char32_t>(lead.payload), 1, true};
  if (lead.length == 0) return {0xFFFD, 1, false};
  unsigned code_point = lead.payload;
  for (size_t index = 1; index < static_cast<size_t>(lead.length); ++index) {
    if (index >= bytes.size() || !is_continuation(lead, index, at(index)))
      return {0xFFFD, static_cast<uint8_t>(index), false};
    code_point = code_point << 6 | (at(index) & 0x3F);
  }
  return {static_cast<char32_t>(code_point), static_cast<uint8_t>(lead.length), true};
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(ascii_prefix(bytes));
    if (bytes.empty()) break;
    const Utf8Character character = decode_utf8(bytes);
    if (!character.valid) return false;
    bytes.remove_prefix(character.length);
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Character character = decode_utf8(bytes);
    if (character.valid)
      text.append(bytes.substr(0, character.length));
    else
      append_utf8(text, 0xFFFD);
    bytes.remove_prefix(character.length);
  }
  return text;
}

size_t incomplete_utf8_suffix(std::string_view bytes) {
  for (size_t count = 1; count <= 3 && count <= bytes.size(); ++count) {
    const std::string_view suffix = bytes.substr(bytes.size() - count);
    const unsigned first = static_cast<unsigned char>(suffix[0]);
    if ((first & 0xC0) == 0x80) continue;  // a continuation byte: its lead stands before it
    const LeadByte lead = classify(first);
    if (lead.length <= static_cast<int>(count)) return 0;
    for (size_t index = 1; index < count; ++index)
      if (!is_continuation(lead, index, static_cast<unsigned char>(suffix[index]))) return 0;
    return count;
  }
  return 0;
}

}  // namespace paddock
