// SPDX-License-Identifier: Apache-2.0
#include "kernels/amx/unpack.h"

#include <bit>

#include "kernels/vector/unpack.h"

namespace paddock::kernels::amx {
namespace {

constexpr int64_t kBlock = 32;
static_assert(kChunk == 8 * kBlock);

// Loads and stores
// -----------------------------------------------------------------------------------------------------------

__m128i load_16(const std::byte* bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)); }
__m256i load_32(const std::byte* bytes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)); }
void store_line(uint16_t* line, __m512i words) { _mm512_storeu_si512(line, words); }

uint32_t load_u32(const std::byte* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Shuffles are what these loops wait for. A scale that lies in memory is spread over a register by the load itself;
// left to itself the compiler keeps it in a register and shuffles.
template <size_t kCount>
void keep_in_memory(float (&floats)[kCount]) {
  __asm__ volatile("" : "+m"(floats));
}

// floats[i] = the binary16 number at bytes + i * kStride, for up to eight; eight bytes can be read there.
template <int64_t kStride>
void load_halves(const std::byte* bytes, int64_t count, float (&floats)[8]) {
  for (int64_t index = 0; index < count; ++index)
    floats[index] =
        _mm_cvtss_f32(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + index * kStride))));
  keep_in_memory(floats);
}
float load_half(const std::byte* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return _cvtsh_ss(bits);
}

// bf16 of sixteen floats in the lower half and of sixteen in the upper.
__m512i to_bf16(__m512 low, __m512 high) { return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)); }

// Tables
// ---------------------------------------------------------------------------------------------------------------------

// What the sixteen values of a nibble stand for, before the scale.
struct Count {
  static __m512 values() { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
};
struct Iq4 {  // tensor::kIq4Values
  static __m512 values() {
    return _mm512_setr_ps(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
  }
};
struct E2m1 {  // tensor::kE2m1Doubled
  static __m512 values() { return _mm512_setr_ps(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12); }
};

// Nibbles of 16 bytes as words: the low ones of each byte, then the high ones. Bits above the low nibbles are not
// cleared.
__m512i nibble_words(const std::byte* bytes) {
  const __m512i words = _mm512_cvtepu8_epi16(_mm256_broadcastsi128_si256(load_16(bytes)));
  return _mm512_srlv_epi16(words, _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1));
}
// Indices into the lower and the upper half of a table of 32 words.
__m512i in_lower(__m512i words) { return _mm512_and_si512(words, _mm512_set1_epi16(15)); }
__m512i in_upper(__m512i words) {
  return _mm512_ternarylogic_epi32(words, _mm512_set1_epi16(15), _mm512_set1_epi16(16), 0xEA);  // (words & 15) | 16
}

// Blocks of 32 values with a nibble each
// -------------------------------------------------------------------------------------

// kBytes of a block whose nibbles begin at kNibbles; products(scales of the row, block) gives the sixteen values of a
// nibble.
template <int64_t kBytes, int64_t kNibbles, typename Products>
void look_up_blocks(const std::byte* blocks, int64_t count, uint16_t* lines, Products products) {
  const int64_t number = count / kBlock;
  int64_t block = 0;
  for (; block + 2 <= number; block += 2) {
    const __m512i table = to_bf16(products(block), products(block + 1));
    const std::byte* nibbles = blocks + block * kBytes + kNibbles;
    store_line(lines + block * kTileValues, _mm512_permutexvar_epi16(in_lower(nibble_words(nibbles)), table));
    store_line(lines + (block + 1) * kTileValues,
               _mm512_permutexvar_epi16(in_upper(nibble_words(nibbles + kBytes)), table));
  }
  if (block < number) {
    const __m512 last = products(block);
    store_line(
        lines + block * kTileValues,
        _mm512_permutexvar_epi16(in_lower(nibble_words(blocks + block * kBytes + kNibbles)), to_bf16(last, last)));
  }
}

// A binary16 scale, sixteen bytes of nibbles.
void unpack_iq4_nl(const std::byte* blocks, int64_t count, uint16_t* lines) {
  alignas(32) float scales[8];
  load_halves<18>(blocks, count / kBlock, scales);
  const __m512 values = Iq4::values();
  look_up_blocks<18, 2>(blocks, count, lines,
                        [&](int64_t block) { return _mm512_mul_ps(_mm512_set1_ps(scales[block]), values); });
}

void unpack_mxfp4(const std::byte* blocks, int64_t count, uint16_t* lines) {
  alignas(32) float scales[8];
  for (int64_t block = 0; block < count / kBlock; ++block) {
    // 2^(e - 128): half of the scale, because the table is doubled. Below 2^-126 floats are denormal.
    const auto exponent = static_cast<uint32_t>(blocks[block * 17]);
    scales[block] = std::bit_cast<float>(exponent >= 2 ? (exponent - 1) << 23 : 0x00200000u << exponent);
  }
  keep_in_memory(scales);
  const __m512 values = E2m1::values();
  look_up_blocks<17, 1>(blocks, count, lines,
                        [&](int64_t block) { return _mm512_mul_ps(_mm512_set1_ps(scales[block]), values); });
}

// K-quants: one block of 256 values
// ------------------------------------------------------------------------------------------

// Eight scales and eight minima of 6 bits (tensor/decode_k_quants.cc), times the block's.
void load_scales_and_minima(const std::byte* block, float (&scales)[16]) {
  constexpr uint32_t kSix = 0x3f3f3f3f, kFour = 0x0f0f0f0f, kTwo = 0x03030303;
  const uint32_t first = load_u32(block + 4), second = load_u32(block + 8), third = load_u32(block + 12);
  const __m128i packed = _mm_setr_epi32(
      static_cast<int>(first & kSix), static_cast<int>((third & kFour) | (first >> 6 & kTwo) << 4),
      static_cast<int>(second & kSix), static_cast<int>((third >> 4 & kFour) | (second >> 6 & kTwo) << 4));
  const __m512 of_block = _mm512_insertf32x8(_mm512_set1_ps(load_half(block)), _mm256_set1_ps(load_half(block + 2)), 1);
  _mm512_storeu_ps(scales, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(packed)), of_block));
  keep_in_memory(scales);
}

void unpack_q5_k(const std::byte* blocks, int64_t count, uint16_t* lines) {
  const __m512 low_values = Count::values(), high_values = _mm512_add_ps(low_values, _mm512_set1_ps(16));
  for (int64_t start = 0; start < count; start += 256, blocks += 176) {
    alignas(64) float scales[16];
    load_scales_and_minima(blocks, scales);
    const __m512i fifth_bits = _mm512_cvtepu8_epi16(load_32(blocks + 16));
    for (int group = 0; group < 8; ++group) {
      const __m512 scale = _mm512_set1_ps(scales[group]), minimum = _mm512_set1_ps(scales[group + 8]);
      const __m512i table = to_bf16(_mm512_sub_ps(_mm512_mul_ps(scale, low_values), minimum),
                                    _mm512_sub_ps(_mm512_mul_ps(scale, high_values), minimum));
      const __m512i bytes = _mm512_cvtepu8_epi16(load_32(blocks + 48 + group / 2 * 32));
      const __m512i nibbles = in_lower(_mm512_srl_epi16(bytes, _mm_cvtsi32_si128(group % 2 * 4)));
      const __mmask32 fifth = _mm512_test_epi16_mask(fifth_bits, _mm512_set1_epi16(static_cast<int16_t>(1 << group)));
      const __m512i index = _mm512_mask_add_epi16(nibbles, fifth, nibbles, _mm512_set1_epi16(16));
      store_line(lines + (start / kBlock + group) * kTileValues, _mm512_permutexvar_epi16(index, table));
    }
  }
}

// 32 quants, sixteen to a scale.
__m512i scaled_bytes(__m256i quants, float low_scale, float high_scale) {
  const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(quants)));
  const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(quants, 1)));
  return to_bf16(_mm512_mul_ps(low, _mm512_set1_ps(low_scale)), _mm512_mul_ps(high, _mm512_set1_ps(high_scale)));
}

void unpack_q6_k(const std::byte* blocks, int64_t count, uint16_t* lines) {
  const __m256i low_four = _mm256_set1_epi8(15), two_high = _mm256_set1_epi8(0x30);
  for (int64_t start = 0; start < count; start += 256, blocks += 210) {
    alignas(64) float scales[16];
    _mm512_storeu_ps(scales, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(blocks + 192))),
                                           _mm512_set1_ps(load_half(blocks + 208))));
    keep_in_memory(scales);
    for (int half = 0; half < 2; ++half) {
      const __m256i first = load_32(blocks + half * 64), second = load_32(blocks + half * 64 + 32);
      const __m256i crumbs = load_32(blocks + 128 + half * 32);
      const __m256i quants[4] = {
          _mm256_or_si256(_mm256_and_si256(first, low_four), _mm256_and_si256(_mm256_slli_epi16(crumbs, 4), two_high)),
          _mm256_or_si256(_mm256_and_si256(second, low_four), _mm256_and_si256(_mm256_slli_epi16(crumbs, 2), two_high)),
          _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(first, 4), low_four), _mm256_and_si256(crumbs, two_high)),
          _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(second, 4), low_four),
                          _mm256_and_si256(_mm256_srli_epi16(crumbs, 2), two_high)),
      };
      for (int run = 0; run < 4; ++run) {
        const float* scale = scales + half * 8 + run * 2;
        store_line(lines + (start / kBlock + half * 4 + run) * kTileValues,
                   scaled_bytes(_mm256_sub_epi8(quants[run], _mm256_set1_epi8(32)), scale[0], scale[1]));
      }
    }
  }
}

void unpack_iq4_xs(const std::byte* blocks, int64_t count, uint16_t* lines) {
  const __m512 values = Iq4::values();
  for (int64_t start = 0; start < count; start += 256, blocks += 136) {
    const float of_block = load_half(blocks);
    const uint32_t upper = load_u32(blocks) >> 16, lower = load_u32(blocks + 4);
    alignas(64) float scales[8];
    for (int group = 0; group < 8; ++group)
      scales[group] =
          of_block *
          static_cast<float>(static_cast<int>((lower >> (group * 4) & 15) | (upper >> (group * 2) & 3) << 4) - 32);
    keep_in_memory(scales);
    look_up_blocks<16, 0>(blocks + 8, 256, lines + start / kBlock * kTileValues,
                          [&](int64_t group) { return _mm512_mul_ps(_mm512_set1_ps(scales[group]), values); });
  }
}

// All other blocks, by way of small integers
// ---------------------------------------------------------------------------------

template <tensor::DType kDType>
void unpack_quants(const std::byte* blocks, int64_t count, uint16_t* lines) {
  const Unpacker& unpacker = *avx2::unpacker(kDType);
  alignas(64) int8_t quants[kChunk];
  alignas(64) float scales[kChunk / 16], offsets[kChunk / 16] = {};
  unpacker.unpack(blocks, count, quants, scales, offsets, 1);
  const int64_t groups = kBlock / unpacker.group;
  for (int64_t block = 0; block < count / kBlock; ++block) {
    const int64_t first = block * groups, second = first + groups - 1;
    const auto* stored = reinterpret_cast<const __m128i*>(quants + block * kBlock);
    __m512 low =
        _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_load_si128(stored))), _mm512_set1_ps(scales[first]));
    __m512 high = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_load_si128(stored + 1))),
                                _mm512_set1_ps(scales[second]));
    if (unpacker.offsets) {
      low = _mm512_add_ps(low, _mm512_set1_ps(offsets[first]));
      high = _mm512_add_ps(high, _mm512_set1_ps(offsets[second]));
    }
    store_line(lines + block * kTileValues, to_bf16(low, high));
  }
}

// Plain types
// ----------------------------------------------------------------------------------------------------------------

void unpack_bf16(const std::byte* values, int64_t count, uint16_t* lines) {
  for (int64_t first = 0; first < count; first += kDepth, lines += kTileValues) {
    const int64_t rest = count - first;
    const __mmask32 lanes = rest >= kDepth ? ~__mmask32{0} : (__mmask32{1} << rest) - 1;
    store_line(lines, _mm512_maskz_loadu_epi16(lanes, values + first * 2));
  }
}

// The bf16 numbers of the 128 magnitudes of E4M3.
struct MagnitudesOfE4m3 {
  alignas(64) uint16_t words[128];
  constexpr MagnitudesOfE4m3() : words() {
    for (int bits = 0; bits < 128; ++bits) {
      const int exponent = bits >> 3, mantissa = bits & 7;
      if (bits == 127) {
        words[bits] = 0x7fc0;  // not a number
      } else if (exponent > 0) {
        words[bits] = static_cast<uint16_t>((exponent - 7 + 127) << 7 | mantissa << 4);
      } else if (mantissa > 0) {  // mantissa * 2^-9, made normal
        const int shift = mantissa >= 4 ? 2 : mantissa >= 2 ? 1 : 0;
        words[bits] = static_cast<uint16_t>((shift - 9 + 127) << 7 | ((mantissa << (7 - shift)) & 0x7f));
      }
    }
  }
};
constexpr MagnitudesOfE4m3 kMagnitudesOfE4m3;

void unpack_f8_e4m3(const std::byte* values, int64_t count, uint16_t* lines) {
  __m512i table[4];
  for (int part = 0; part < 4; ++part) table[part] = _mm512_load_si512(kMagnitudesOfE4m3.words + part * 32);
  for (int64_t first = 0; first < count; first += kDepth, lines += kTileValues) {
    const int64_t rest = count - first;
    const __mmask32 lanes = rest >= kDepth ? ~__mmask32{0} : (__mmask32{1} << rest) - 1;
    const __m512i bytes = _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(lanes, values + first));
    const __m512i small = _mm512_permutex2var_epi16(table[0], bytes, table[1]);
    const __m512i large = _mm512_permutex2var_epi16(table[2], bytes, table[3]);
    const __m512i magnitude =
        _mm512_mask_blend_epi16(_mm512_test_epi16_mask(bytes, _mm512_set1_epi16(64)), small, large);
    const __m512i sign = _mm512_slli_epi16(_mm512_and_si512(bytes, _mm512_set1_epi16(0x80)), 8);
    store_line(lines, _mm512_or_si512(magnitude, sign));
  }
}

}  // namespace

UnpackRow unpack_row(tensor::DType dtype) {
  using tensor::DType;
  switch (dtype) {
    case DType::kBF16: return unpack_bf16;
    case DType::kF8E4M3: return unpack_f8_e4m3;
    case DType::kIQ4_NL: return unpack_iq4_nl;
    case DType::kMXFP4: return unpack_mxfp4;
    case DType::kQ5_K: return unpack_q5_k;
    case DType::kQ6_K: return unpack_q6_k;
    case DType::kIQ4_XS: return unpack_iq4_xs;
    case DType::kQ5_0: return unpack_quants<DType::kQ5_0>;
    case DType::kQ5_1: return unpack_quants<DType::kQ5_1>;
    case DType::kQ2_K: return unpack_quants<DType::kQ2_K>;
    case DType::kQ3_K: return unpack_quants<DType::kQ3_K>;
    case DType::kIQ1_S: return unpack_quants<DType::kIQ1_S>;
    case DType::kIQ1_M: return unpack_quants<DType::kIQ1_M>;
    case DType::kIQ2_XXS: return unpack_quants<DType::kIQ2_XXS>;
    case DType::kIQ2_XS: return unpack_quants<DType::kIQ2_XS>;
    case DType::kIQ2_S: return unpack_quants<DType::kIQ2_S>;
    case DType::kIQ3_XXS: return unpack_quants<DType::kIQ3_XXS>;
    case DType::kIQ3_S: return unpack_quants<DType::kIQ3_S>;
    case DType::kTQ1_0: return unpack_quants<DType::kTQ1_0>;
    case DType::kTQ2_0: return unpack_quants<DType::kTQ2_0>;
    default: return nullptr;
  }
}

}  // namespace paddock::kernels::amx
