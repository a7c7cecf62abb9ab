// SPDX-License-Identifier: Apache-2.0
#include "text/patterns.h"

#include <optional>

namespace paddock::text {
namespace {

constexpr ClassMask kLetter = kUpper | kLower | kCaseless;
constexpr ClassMask kSpace = kBlank | kNewline;
constexpr ClassMask kPunctuation = kSymbol | kMark;           // [^\s\p{L}\p{N}]
constexpr ClassMask kWordLead = kSymbol | kMark | kBlank;     // [^\r\n\p{L}\p{N}]
constexpr ClassMask kUpperSide = kUpper | kCaseless | kMark;  // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
constexpr ClassMask kLowerSide = kLower | kCaseless | kMark;  // [\p{Ll}\p{Lm}\p{Lo}\p{M}]

enum class Case { kExact, kFolded };

// The end of 's 't 're 've 'm 'll 'd at `begin`, or `begin`. Folding adds the capitals and U+017F, the long s.
size_t contraction_end(const ClassifiedText& text, size_t begin, Case letter_case) {
  if (text.byte(begin) != '\'') return begin;
  // Only an ASCII capital becomes its small letter by this bit; other bytes become nothing that is compared below.
  const char fold = letter_case == Case::kFolded ? 0x20 : 0;
  const char first = static_cast<char>(text.byte(begin + 1) | fold);
  const char second = static_cast<char>(text.byte(begin + 2) | fold);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
    return begin + 3;
  if (letter_case == Case::kFolded && text.byte(begin + 1) == '\xC5' && text.byte(begin + 2) == '\xBF')
    return begin + 3;
  return begin;
}

// \s+(?!\S)|\s+ at a run of \s that ends at `end` and whose last character begins at `last`: the last blank is left to
// the word after it, unless it is all there is.
size_t leave_last_blank(const ClassifiedText& text, size_t begin, size_t last, size_t end) {
  return end == text.size() || last == begin ? end : last;
}

size_t blanks_end(const ClassifiedText& text, size_t begin) {
  size_t last = begin;
  size_t end = begin;
  for (Character next = text.at(end); next.is(kSpace); next = text.at(end)) {
    last = end;
    end += next.length;
  }
  return leave_last_blank(text, begin, last, end);
}

// The same after \s*[\r\n]+ was tried, which takes a run up to its last newline.
size_t lines_or_blanks_end(const ClassifiedText& text, size_t begin) {
  size_t after_newline = begin;
  size_t last = begin;
  size_t end = begin;
  for (Character next = text.at(end); next.is(kSpace); next = text.at(end)) {
    last = end;
    end += next.length;
    if (next.is(kNewline)) after_newline = end;
  }
  return after_newline > begin ? after_newline : leave_last_blank(text, begin, last, end);
}

size_t digits_end(const ClassifiedText& text, size_t begin, int limit) {
  size_t end = begin;
  for (int count = 0; count < limit; ++count) {
    const Character next = text.at(end);
    if (!next.is(kNumber)) break;
    end += next.length;
  }
  return end;
}

// ` ?[^\s\p{L}\p{N}]+` at `begin`, or `begin`.
size_t punctuation_end(const ClassifiedText& text, size_t begin) {
  const size_t start = text.byte(begin) == ' ' ? begin + 1 : begin;
  const size_t end = text.skip(start, kPunctuation);
  return end > start ? end : begin;
}

// The capitals of a word that begins at `begin`, and how far a lower-case part may reach.
struct WordRun {
  size_t upper_end;  // the end of [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*
  size_t lower_end;  // the end of …*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+, or `begin` where that does not match
};

WordRun scan_word(const ClassifiedText& text, size_t begin) {
  size_t lower_end = begin;  // after the last character of both sides: where the first part steps back to
  size_t end = begin;
  Character next = text.at(end);
  for (; next.is(kUpperSide); next = text.at(end)) {
    end += next.length;
    if (next.is(kLowerSide)) lower_end = end;
  }
  if (next.is(kLower)) lower_end = text.skip(end, kLowerSide);
  return {end, lower_end};
}

// The first two branches of o200k without their suffix; `begin` where neither matches.
size_t word_end(const ClassifiedText& text, size_t begin, Character first) {
  if (first.is(kNumber | kNewline)) return begin;
  if (first.is(kLetter)) {
    const WordRun run = scan_word(text, begin);
    return run.lower_end > begin ? run.lower_end : run.upper_end;
  }
  const size_t after = begin + first.length;
  const WordRun led = scan_word(text, after);
  if (led.lower_end > after) return led.lower_end;
  // A mark may lead a word or be one; alone, or before capitals only, the lower-case branch takes just the marks.
  if (first.is(kMark)) return scan_word(text, begin).lower_end;
  return led.upper_end > after ? led.upper_end : begin;
}

}  // namespace

size_t o200k_piece_end(const ClassifiedText& text, size_t begin) {
  const Character first = text.at(begin);
  if (const size_t end = word_end(text, begin, first); end > begin) return contraction_end(text, end, Case::kFolded);
  if (first.is(kNumber)) return digits_end(text, begin, 3);
  if (size_t end = punctuation_end(text, begin); end > begin) {
    while (text.byte(end) == '\r' || text.byte(end) == '\n' || text.byte(end) == '/') ++end;
    return end;
  }
  return lines_or_blanks_end(text, begin);
}

size_t llama3_piece_end(const ClassifiedText& text, size_t begin, int max_digits) {
  if (const size_t end = contraction_end(text, begin, Case::kFolded); end > begin) return end;
  const Character first = text.at(begin);
  const size_t word = first.is(kWordLead) ? begin + first.length : begin;
  if (const size_t end = text.skip(word, kLetter); end > word) return end;
  if (first.is(kNumber)) return digits_end(text, begin, max_digits);
  if (size_t end = punctuation_end(text, begin); end > begin) {
    while (text.byte(end) == '\r' || text.byte(end) == '\n') ++end;
    return end;
  }
  return lines_or_blanks_end(text, begin);
}

size_t gpt2_piece_end(const ClassifiedText& text, size_t begin) {
  if (const size_t end = contraction_end(text, begin, Case::kExact); end > begin) return end;
  const size_t start = text.byte(begin) == ' ' ? begin + 1 : begin;
  const Character first = text.at(start);
  for (const ClassMask run : {kLetter, ClassMask{kNumber}, kPunctuation})
    if (first.is(run)) return text.skip(start, run);
  return blanks_end(text, begin);
}

size_t single_digits_piece_end(const ClassifiedText& text, size_t begin) {
  const Character first = text.at(begin);
  return first.is(kNumber) ? begin + first.length : text.skip(begin, static_cast<ClassMask>(~kNumber));
}

size_t digit_runs_piece_end(const ClassifiedText& text, size_t begin) {
  return text.skip(begin, text.at(begin).is(kNumber) ? ClassMask{kNumber} : static_cast<ClassMask>(~kNumber));
}

}  // namespace paddock::text
