// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the unpackers of this folder share. All of it is static: were it emitted as a shared inline function, the linker
// could take this folder's AVX2 code for callers on a baseline processor.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace paddock::kernels::avx2 {

// Functions with the contract of Unpacker::unpack, one for each format.
using Unpack = void(const std::byte* blocks, int64_t count, int8_t* quants, float* scales, float* offsets,
                    int64_t stride);

Unpack unpack_q4_0, unpack_q4_1, unpack_q5_0, unpack_q5_1, unpack_q8_0;          // unpack_simple_blocks.cc
Unpack unpack_q2_k, unpack_q3_k, unpack_q4_k, unpack_q5_k, unpack_q6_k;          // unpack_k_quants.cc
Unpack unpack_iq1_s, unpack_iq1_m, unpack_iq2_xxs, unpack_iq2_xs, unpack_iq2_s;  // unpack_i_quants.cc
Unpack unpack_iq3_xxs, unpack_iq3_s;                                             // unpack_i_quants.cc
Unpack unpack_iq4_nl, unpack_iq4_xs, unpack_mxfp4;                               // unpack_nibble_codebooks.cc
Unpack unpack_tq1_0, unpack_tq2_0;                                               // unpack_ternary.cc

// Calls unpack(block, index) for each block.
template <typename Block, int kBlockValues, typename UnpackBlock>
static inline void for_each_block_at(const std::byte* bytes, int64_t count, UnpackBlock unpack) {
  static_assert(alignof(Block) == 1);
  const auto* blocks = reinterpret_cast<const Block*>(bytes);
  const int64_t end = count / kBlockValues;
  int64_t index = 0;
  if constexpr (kBlockValues == 32) {  // otherwise counting would take as long as what is counted
    for (; index + 4 <= end; index += 4)
#pragma GCC unroll 4
      for (int next = 0; next < 4; ++next) unpack(blocks[index + next], index + next);
  }
  for (; index < end; ++index) unpack(blocks[index], index);
}

// Little-endian numbers at any address.
static inline uint16_t load_u16(const void* from) {
  uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

static inline uint32_t load_u32(const void* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

static inline uint64_t load_u64(const void* from) {
  uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

static inline float load_half(const void* from) { return _cvtsh_ss(load_u16(from)); }

// Four binary16 numbers from eight bytes: fewer instructions than for one.
static inline __m128 load_4_halves(const void* from) {
  return _mm_cvtph_ps(_mm_loadl_epi64(static_cast<const __m128i*>(from)));
}

static inline __m128i load_16_bytes(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
static inline __m256i load_32_bytes(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
static inline void store_16_bytes(void* to, __m128i bytes) { _mm_storeu_si128(static_cast<__m128i*>(to), bytes); }
static inline void store_32_bytes(void* to, __m256i bytes) { _mm256_storeu_si256(static_cast<__m256i*>(to), bytes); }

// to[i * stride] = numbers[i]
static inline void store_strided(float* to, int64_t stride, __m256 numbers) {
  if (stride == 1) {
    _mm256_storeu_ps(to, numbers);
    return;
  }
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, numbers);
  for (int lane = 0; lane < 8; ++lane) to[lane * stride] = lanes[lane];
}

// The first eight bytes as float32.
static inline __m256 floats_of_u8(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)); }
static inline __m256 floats_of_i8(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)); }

// The 32 nibbles of 16 bytes: the low ones, then the high ones.
static inline __m256i nibbles_of(const uint8_t* bytes) {
  const __m256i twice = _mm256_broadcastsi128_si256(load_16_bytes(bytes));
  const __m256i shifted = _mm256_srlv_epi32(twice, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
  return _mm256_and_si256(shifted, _mm256_set1_epi8(15));
}

// Four bytes, each eight times: those from byte 4 * `four` of either lane, which are equal.
static inline __m256i eight_of_each(__m256i bytes, int four = 0) {
  const __m256i byte_of = _mm256_setr_epi64x(0x0000000000000000, 0x0101010101010101,  //
                                             0x0202020202020202, 0x0303030303030303);
  return _mm256_shuffle_epi8(bytes, _mm256_add_epi8(byte_of, _mm256_set1_epi8(static_cast<char>(4 * four))));
}

// 0xFF in byte i where bit i of the 32 in those four bytes is set.
static inline __m256i bytes_of_bits(__m256i bytes, int four = 0) {
  const __m256i bit_of = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
  return _mm256_cmpeq_epi8(_mm256_and_si256(eight_of_each(bytes, four), bit_of), bit_of);
}

}  // namespace paddock::kernels::avx2
