// SPDX-License-Identifier: Apache-2.0
#pragma once
// The published split patterns matched by hand, in one pass over character classes. Each function gives the end of the
// piece that begins at `begin` (before the end of the text); every character belongs to a piece. Time is linear in the
// text: what a piece looks at beyond its own end is looked at once more at most.

#include <cstddef>
#include <string_view>

#include "text/unicode_classes.h"

namespace paddock::text {

// GPT-4o's o200k, which Llama 4 shares.
inline constexpr std::string_view kO200kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
size_t o200k_piece_end(const ClassifiedText& text, size_t begin);

// Llama 3's, with at most 3 digits a piece; Qwen 2's is the same with 1.
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
size_t llama3_piece_end(const ClassifiedText& text, size_t begin, int max_digits);

inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
size_t gpt2_piece_end(const ClassifiedText& text, size_t begin);

// A single digit, or a run of characters that are none.
size_t single_digits_piece_end(const ClassifiedText& text, size_t begin);

// A run of digits, or a run of characters that are none.
size_t digit_runs_piece_end(const ClassifiedText& text, size_t begin);

}  // namespace paddock::text
