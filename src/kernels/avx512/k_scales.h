// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scales of Q4_K and Q5_K. Static: each target has its own code.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace paddock::kernels::avx512 {

// Eight scales and eight minima of 6 bits, times the block's (tensor/decode_k_quants.cc), as lanes.
static inline __m512 scales_and_offsets_of_k(const std::byte* block) {
  constexpr uint32_t kSix = 0x3f3f3f3f, kFour = 0x0f0f0f0f, kTwo = 0x03030303;
  uint32_t packed[3];
  uint16_t halves[2];
  std::memcpy(halves, block, sizeof halves);
  std::memcpy(packed, block + 4, sizeof packed);
  const __m128i small = _mm_setr_epi32(
      static_cast<int>(packed[0] & kSix), static_cast<int>((packed[2] & kFour) | (packed[0] >> 6 & kTwo) << 4),
      static_cast<int>(packed[1] & kSix), static_cast<int>((packed[2] >> 4 & kFour) | (packed[1] >> 6 & kTwo) << 4));
  const __m512 of_block =
      _mm512_insertf32x8(_mm512_set1_ps(_cvtsh_ss(halves[0])), _mm256_set1_ps(-_cvtsh_ss(halves[1])), 1);
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(small)), of_block);
}

}  // namespace paddock::kernels::avx512
