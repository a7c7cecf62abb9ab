// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tables that tools/unicode_tables.py writes; unicode.h asks them.

#include <cstddef>
#include <cstdint>

namespace paddock::text::jinja {

// The characters first, first + stride, …, last.
struct CharacterRange {
  uint32_t first;
  uint32_t last;
  uint32_t stride;
};

// A range whose characters map to themselves plus `shift`.
struct CaseRange {
  uint32_t first;
  uint32_t last;
  uint32_t stride;
  int32_t shift;
};

// A character that maps to two or three; a missing third is 0.
struct CaseSpecial {
  uint32_t character;
  uint32_t mapped[3];
};

extern const CharacterRange kDecimal[], kDigit[], kNumeric[], kPrintable[], kLowercase[], kUppercase[], kTitlecase[],
    kCaseIgnorable[];
extern const size_t kDecimalCount, kDigitCount, kNumericCount, kPrintableCount, kLowercaseCount, kUppercaseCount,
    kTitlecaseCount, kCaseIgnorableCount;
extern const CaseRange kToUpper[], kToLower[], kToTitle[];
extern const size_t kToUpperCount, kToLowerCount, kToTitleCount;
extern const CaseSpecial kToUpperSpecial[], kToLowerSpecial[], kToTitleSpecial[];
extern const size_t kToUpperSpecialCount, kToLowerSpecialCount, kToTitleSpecialCount;

}  // namespace paddock::text::jinja
