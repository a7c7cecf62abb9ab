// SPDX-License-Identifier: Apache-2.0
// Stored numbers to float32 with the bits of tensor::decode_row.

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/vector/float_kernels.h"
#include "kernels/vector/unpack.h"

namespace paddock::kernels::avx2 {
namespace {

// Calls widen(bytes of eight values) for eights, and for the last few by way of a copy.
template <int64_t kBytes, typename Widen>
void decode_eights(const std::byte* bytes, float* values, int64_t count, Widen widen) {
  int64_t index = 0;
  for (; index + 8 <= count; index += 8) _mm256_storeu_ps(values + index, widen(bytes + index * kBytes));
  if (index == count) return;
  alignas(32) std::byte last[8 * kBytes] = {};
  alignas(32) float widened[8];
  std::memcpy(last, bytes + index * kBytes, static_cast<size_t>((count - index) * kBytes));
  _mm256_store_ps(widened, widen(last));
  std::memcpy(values + index, widened, static_cast<size_t>(count - index) * sizeof(float));
}

__m256 widen_f16(const std::byte* bytes) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
}
__m256 widen_bf16(const std::byte* bytes) {
  const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(words), 16));
}
// Exponent and mantissa in their places are the number times 2^-120, denormal ones too.
__m256 widen_f8_e4m3(const std::byte* bytes) {
  const __m256i bits = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
  const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f));
  const __m256 value = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(magnitude, 20)), _mm256_set1_ps(0x1p120f));
  const __m256i nan = _mm256_cmpeq_epi32(magnitude, _mm256_set1_epi32(0x7f));
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x80)), 24);
  const __m256i unsigned_bits = _mm256_blendv_epi8(_mm256_castps_si256(value), _mm256_set1_epi32(0x7fc00000), nan);
  return _mm256_castsi256_ps(_mm256_or_si256(unsigned_bits, sign));
}

__m256 widen_quants(const int8_t* quants) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(quants))));
}

void decode_blocks(const Unpacker& unpacker, tensor::DType dtype, const std::byte* bytes, float* values,
                   int64_t count) {
  constexpr int64_t kAtOnce = 512;
  const tensor::DTypeInfo& info = tensor::info(dtype);
  alignas(32) int8_t quants[kAtOnce];
  float scales[kAtOnce / 16], offsets[kAtOnce / 16];
  for (int64_t first = 0; first < count; first += kAtOnce) {
    const int64_t part = std::min(kAtOnce, count - first);
    unpacker.unpack(bytes + first / info.values * info.bytes, part, quants, scales, offsets, 1);
    for (int64_t group = 0; group * unpacker.group < part; ++group) {
      const __m256 scale = _mm256_set1_ps(scales[group]);
      for (int64_t index = group * unpacker.group; index < (group + 1) * unpacker.group; index += 8) {
        __m256 value = _mm256_mul_ps(widen_quants(quants + index), scale);
        if (unpacker.offsets) value = _mm256_add_ps(value, _mm256_set1_ps(offsets[group]));
        _mm256_storeu_ps(values + first + index, value);
      }
    }
  }
}

}  // namespace

void decode_row(tensor::DType dtype, const std::byte* bytes, float* values, int64_t count) {
  using tensor::DType;
  if (const Unpacker* blocks = unpacker(dtype)) return decode_blocks(*blocks, dtype, bytes, values, count);
  switch (dtype) {
    case DType::kF16: return decode_eights<2>(bytes, values, count, widen_f16);
    case DType::kBF16: return decode_eights<2>(bytes, values, count, widen_bf16);
    case DType::kF8E4M3: return decode_eights<1>(bytes, values, count, widen_f8_e4m3);
    default: std::memcpy(values, bytes, static_cast<size_t>(count) * sizeof(float));  // F32
  }
}

}  // namespace paddock::kernels::avx2
