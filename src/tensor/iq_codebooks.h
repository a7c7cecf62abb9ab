// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tables that define GGUF's I-quants and MXFP4: rows of magnitudes (IQ2, IQ3) or of ternary values (IQ1).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace paddock::tensor {

template <size_t kRows, size_t kWidth>
using Codebook = std::array<std::array<int8_t, kWidth>, kRows>;

extern const Codebook<2048, 8> kIq1Rows;    // IQ1_S and IQ1_M: -1, 0, 1
extern const Codebook<256, 8> kIq2XxsRows;  // 8, 25, 43
extern const Codebook<512, 8> kIq2XsRows;
extern const Codebook<1024, 8> kIq2SRows;
extern const Codebook<256, 4> kIq3XxsRows;  // 4, 12, 20, 28, 36, 44, 52, 62
extern const Codebook<512, 4> kIq3SRows;    // 1, 3, ..., 15

// The signs of eight values from seven stored bits: an even number of them is negative, so that the eighth follows.
inline uint8_t even_signs(uint32_t seven_bits) {
  const uint32_t parity = static_cast<uint32_t>(std::popcount(seven_bits & 127u)) & 1u;
  return static_cast<uint8_t>((seven_bits & 127u) | parity << 7);
}

// IQ4_NL and IQ4_XS.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// E2M1 times two, so that every value is an integer. Negative zero is stored as zero.
inline constexpr int8_t kE2m1Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace paddock::tensor
