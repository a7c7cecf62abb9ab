// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the split patterns ask of a character: its class, each code point in exactly one.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace paddock::text {

// Bits, so that a set of classes is a mask. \p{L} is kUpper|kLower|kCaseless, \s is kBlank|kNewline.
enum CharClass : uint8_t {
  kUpper = 1,     // Lu, Lt
  kLower = 2,     // Ll
  kCaseless = 4,  // Lm, Lo
  kMark = 8,      // M
  kNumber = 16,   // N
  kBlank = 32,    // \s but not \r or \n
  kNewline = 64,  // \r, \n
  kSymbol = 128,  // everything else, unassigned code points too
};
using ClassMask = uint8_t;

struct UnicodeRange {
  char32_t first;
  char32_t last;  // inclusive
  CharClass char_class;
};

// Sorted, without overlap; what no range holds is kSymbol. Generated: unicode_ranges.cc.
std::span<const UnicodeRange> unicode_ranges();

// The class of every code point in two levels: 256 code points a page, equal pages stored once.
class UnicodeClasses {
 public:
  static const UnicodeClasses& instance();

  // `code_point` must be at most U+10FFFF.
  CharClass of(char32_t code_point) const {
    return pages_[size_t{page_of_[code_point >> 8]} << 8 | (code_point & 0xFF)];
  }

  // The same for what is below U+0080: the first page is the first stored.
  CharClass of_ascii(char32_t code_point) const { return pages_[code_point]; }

 private:
  static constexpr size_t kPages = 0x110000 >> 8;
  static constexpr size_t kDistinctPages = 256;  // 16.0 needs 103

  UnicodeClasses();

  uint8_t page_of_[kPages];
  CharClass pages_[kDistinctPages << 8];
};

struct Character {
  uint8_t classes;  // one bit of CharClass; 0 at the end of the text
  uint8_t length;   // bytes; 0 at the end of the text

  bool is(ClassMask mask) const { return (classes & mask) != 0; }
};

// Valid UTF-8 seen as classes of characters. A position is a byte offset at which a character begins, or the end.
class ClassifiedText {
 public:
  explicit ClassifiedText(std::string_view text) : text_(text), classes_(UnicodeClasses::instance()) {}

  size_t size() const { return text_.size(); }
  // The byte at `position`, or NUL at the end or beyond.
  char byte(size_t position) const { return position < text_.size() ? text_[position] : '\0'; }

  Character at(size_t position) const {
    if (position >= text_.size()) return {0, 0};
    const auto unit = [&](size_t index) { return static_cast<unsigned char>(text_[position + index]); };
    const char32_t lead = unit(0);
    if (lead < 0x80) return {classes_.of_ascii(lead), 1};
    if (lead < 0xE0) return {classes_.of((lead & 0x1F) << 6 | (unit(1) & 0x3Fu)), 2};
    const char32_t middle = (unit(1) & 0x3Fu) << 6 | (unit(2) & 0x3Fu);
    if (lead < 0xF0) return {classes_.of((lead & 0x0F) << 12 | middle), 3};
    return {classes_.of((lead & 0x07) << 18 | middle << 6 | (unit(3) & 0x3Fu)), 4};
  }

  // The end of the run of characters of these classes that begins at `position`; `position` itself when there is none.
  size_t skip(size_t position, ClassMask mask) const {
    for (Character next = at(position); next.is(mask); next = at(position)) position += next.length;
    return position;
  }

 private:
  std::string_view text_;
  const UnicodeClasses& classes_;
};

}  // namespace paddock::text
