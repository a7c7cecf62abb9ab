// SPDX-License-Identifier: Apache-2.0
#pragma once
// Formats in blocks of 256 weights whose groups of 16 or 32 have integer scales (tensor/blocks.h): how a block of one
// output becomes four registers of bytes, in an order that its stored form makes cheap and that activations are brought
// into (amx/grouped_activations.h). Static: only this target may have this code.
//
// Each format tells
//   kBytes           bytes of a block
//   kScaleAt         where its binary16 scale lies
//   kFactor          what that is multiplied by
//   kFolded          bytes are already weights times groups' scales; otherwise scales of the lanes come with them
//   kSets            1: a lane has one scale in all registers; 2: one in registers 0 and 1, another in 2 and 3
//   kAdded           what was added to each byte, which makes it unsigned: 0 or 128
//   kMinima          there is a minimum for each sixteen weights
// and has bytes(block): the weights. One is made for a product, not for a block.

#include <immintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/amx/grouped_activations.h"
#include "tensor/iq_codebooks.h"

namespace paddock::kernels::amx {

// Registers of weights; scales are integers, one for each lane of 32 bits.
struct GroupedWeights {
  __m512i bytes[4];
  __m512i scales[2];
};

static inline __m128i load_128(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
static inline __m256i load_256(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
static inline __m512i load_512(const std::byte* from) { return _mm512_loadu_si512(from); }
static inline uint32_t load_u32(const std::byte* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// A constant register from its bytes, words or whatever is told by their place.
template <typename Number, typename Tell>
constexpr std::array<Number, 64 / sizeof(Number)> tell_each(Tell tell) {
  std::array<Number, 64 / sizeof(Number)> numbers{};
  for (size_t at = 0; at < numbers.size(); ++at) numbers[at] = static_cast<Number>(tell(static_cast<int>(at)));
  return numbers;
}
template <typename Numbers>
static inline __m512i load_constant(const Numbers& numbers) {
  return _mm512_loadu_si512(numbers.data());
}

// Which group of sixteen the lane `lane` of 128 bits of register k holds, of Q2_K and Q3_K.
constexpr int group_of_crumbs(int k, int lane) { return 2 * k + lane % 2 + lane / 2 * 8; }

// The byte of that group as a word in all of the lane.
template <int k>
static inline __m512i group_words(__m512i sixteen_four_times) {
  static constexpr auto kIndex =
      tell_each<uint8_t>([](int at) { return at % 2 == 0 ? group_of_crumbs(k, at / 16) : 0x80; });
  return _mm512_shuffle_epi8(sixteen_four_times, load_constant(kIndex));
}

// A quant times its group's scale is looked up: the products of a scale are one product of words.

struct Q2K {
  using Order = CrumbOrder;
  static constexpr int64_t kBytes = 84, kScaleAt = 80, kMinimumAt = 82, kMinimaAt = 0;
  static constexpr float kFactor = 1;
  static constexpr bool kFolded = true, kMinima = true;
  static constexpr int kSets = 1, kAdded = 0;

  // Two crumbs are an index: the table of the first repeats four products, that of the second has each four times.
  template <int k>
  static __m512i products(__m512i scales) {
    static constexpr auto kQuants = tell_each<uint16_t>([](int at) {
      const auto quant = [](int index) { return k % 2 == 0 ? index % 4 : index / 4; };
      return quant(at % 8 * 2) + 256 * quant(at % 8 * 2 + 1);
    });
    return _mm512_mullo_epi16(group_words<k>(scales), load_constant(kQuants));
  }
  static GroupedWeights bytes(const std::byte* block) {
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i scales = _mm512_and_si512(_mm512_broadcast_i32x4(load_128(block)), nibble);
    const __m512i crumbs = load_512(block + 16);
    const __m512i lower = _mm512_and_si512(crumbs, nibble),
                  upper = _mm512_and_si512(_mm512_srli_epi16(crumbs, 4), nibble);
    return {{_mm512_shuffle_epi8(products<0>(scales), lower), _mm512_shuffle_epi8(products<1>(scales), lower),
             _mm512_shuffle_epi8(products<2>(scales), upper), _mm512_shuffle_epi8(products<3>(scales), upper)},
            {}};
  }
};

// Quants are -4 to 3, scales -32 to 31: products negated are bytes, -128 to 124.
struct Q3K {
  using Order = CrumbOrder;
  static constexpr int64_t kBytes = 110, kScaleAt = 108;
  static constexpr float kFactor = -1;
  static constexpr bool kFolded = true, kMinima = false;
  static constexpr int kSets = 1, kAdded = 128;

  // Scales of six bits, 32 more than they are.
  static __m128i scales(const std::byte* packed) {
    const __m128i nibbles = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(packed));
    const __m128i lower = _mm_unpacklo_epi64(nibbles, _mm_srli_epi16(nibbles, 4));
    const __m128i crumbs =
        _mm_srlv_epi32(_mm_set1_epi32(static_cast<int>(load_u32(packed + 8))), _mm_setr_epi32(0, 2, 4, 6));
    const __m128i upper = _mm_and_si128(_mm_slli_epi16(crumbs, 4), _mm_set1_epi8(0x30));
    return _mm_ternarylogic_epi32(lower, _mm_set1_epi8(15), upper, 0xea);  // (lower & 15) | upper
  }
  // 128 + (4 - index) * (scale - 32) for index 0 to 7, as words of two bytes.
  static constexpr int factor(int at) { return 4 - at % 4 * 2 + 256 * (4 - at % 4 * 2 - 1); }
  template <int k>
  static __m512i products(__m512i scales) {
    static constexpr auto kFactors = tell_each<uint16_t>(factor);
    static constexpr auto kMore = tell_each<uint16_t>([](int at) { return 0x8080 - 32 * factor(at); });
    return _mm512_add_epi16(_mm512_mullo_epi16(group_words<k>(scales), load_constant(kFactors)), load_constant(kMore));
  }
  // The third bit of run k in the lower half, of k + 4 in the upper, as bit 2: maps of a byte's bits, where byte 7 - i
  // says of which bits bit i is the sum.
  template <int k>
  static __m512i third_bits(__m512i bits) {
    static constexpr auto kMaps =
        tell_each<uint64_t>([](int at) { return uint64_t{1} << (at < 4 ? k : k + 4) << (5 * 8); });
    return _mm512_gf2p8affine_epi64_epi8(bits, load_constant(kMaps), 0);
  }
  template <int k>
  static __m512i weights(__m512i crumbs, __m512i bits, __m512i scales) {
    constexpr int64_t kMap = int64_t{2 << (2 * k)} << (6 * 8) | int64_t{1 << (2 * k)} << (7 * 8);  // bits 2 k, 2 k + 1
    const __m512i two = _mm512_gf2p8affine_epi64_epi8(crumbs, _mm512_set1_epi64(kMap), 0);
    return _mm512_shuffle_epi8(products<k>(scales), _mm512_or_si512(two, third_bits<k>(bits)));
  }
  static GroupedWeights bytes(const std::byte* block) {
    const __m512i six = _mm512_broadcast_i32x4(scales(block + 96));
    const __m512i bits = _mm512_broadcast_i64x4(load_256(block)), crumbs = load_512(block + 32);
    return {{weights<0>(crumbs, bits, six), weights<1>(crumbs, bits, six), weights<2>(crumbs, bits, six),
             weights<3>(crumbs, bits, six)},
            {}};
  }
};

// IQ2 and IQ3: magnitudes are rows of a codebook, eight or four to a row; a register has eight weights of each of eight
// groups of 32.

// A codebook with 128 added: the negative of a byte b + 128 is 128 - b.
template <size_t kRows, size_t kWidth>
struct RaisedRows {
  alignas(64) uint8_t rows[kRows][kWidth];
  explicit RaisedRows(const tensor::Codebook<kRows, kWidth>& from) {
    for (size_t row = 0; row < kRows; ++row)
      for (size_t at = 0; at < kWidth; ++at) rows[row][at] = static_cast<uint8_t>(from[row][at] + 128);
  }
};

// A bit for each weight, negative where it is set; the eight bytes of register k follow those of k - 1.
struct SignBits {
  alignas(32) uint8_t bytes[32];
  explicit SignBits(__m256i bits) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), bits);
    __asm__ volatile("" : "+m"(bytes));  // loaded from there as masks, without a detour through other registers
  }
  __m512i apply(__m512i raised, int k) const {
    uint64_t mask;
    std::memcpy(&mask, bytes + 8 * k, sizeof mask);
    return _mm512_mask_sub_epi8(raised, _cvtu64_mask64(mask), _mm512_setzero_si512(), raised);
  }
};
// From bytes [group][k] to [k][group].
static inline __m256i by_register(__m256i by_group) {
  const __m256i index = _mm256_setr_epi8(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29, 2, 6, 10, 14, 18, 22,
                                         26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  return _mm256_permutexvar_epi8(index, by_group);
}
// Seven signs of each byte, to which the eighth is added: an even number of them is negative. A map of a byte's bits,
// where byte 7 - i says of which bits bit i is the sum; the uppermost of the byte is dropped.
static inline __m512i even_signs(__m512i bytes) {
  return _mm512_gf2p8affine_epi64_epi8(bytes, _mm512_set1_epi64(0x010204081020407f), 0);
}
// The four times seven bits from bit kFirst on of each of eight numbers.
template <int kFirst>
static inline SignBits signs_of_sevens(__m512i numbers) {
  static constexpr auto kBits = tell_each<uint8_t>([](int at) { return kFirst + at % 4 * 7; });
  static constexpr auto kIndex = tell_each<uint8_t>([](int at) { return at % 8 * 8 + at / 8 % 4; });
  const __m512i bytes = even_signs(_mm512_multishift_epi64_epi8(load_constant(kBits), numbers));
  return SignBits(_mm512_castsi512_si256(_mm512_permutexvar_epi8(load_constant(kIndex), bytes)));
}
static inline SignBits signs_of_bytes(const std::byte* from) { return SignBits(by_register(load_256(from))); }

// Odd numbers 2 s + 1 whose s are four bits from bit 1 on.
static inline __m512i odd_of(__m512i lanes) {
  return _mm512_ternarylogic_epi32(lanes, _mm512_set1_epi32(30), _mm512_set1_epi32(1), 0xea);  // (lanes & 30) | 1
}
static inline __m512i eight_bytes(const std::byte* from) {
  return _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
static inline __m512i lower_in_both(__m512i numbers) { return _mm512_shuffle_epi32(numbers, _MM_PERM_CCAA); }
static inline __m512i upper_in_both(__m512i numbers) { return _mm512_shuffle_epi32(numbers, _MM_PERM_DDBB); }

// The scales of IQ2_XS and IQ2_S: a byte for each 32 weights, a nibble for each sixteen.
static inline void put_nibble_scales(const std::byte* from, GroupedWeights& weights) {
  const __m512i bytes = lower_in_both(eight_bytes(from));
  weights.scales[0] = odd_of(_mm512_slli_epi32(bytes, 1));
  weights.scales[1] = odd_of(_mm512_srli_epi32(bytes, 3));
}

// What the formats with rows of a codebook share.
template <size_t kRows, size_t kWidth>
struct OfRows {
  using Order = RowOrder;
  static constexpr int64_t kScaleAt = 0;
  static constexpr bool kFolded = false, kMinima = false;
  static constexpr int kAdded = 128;
  const uint8_t* rows;

  explicit OfRows(const RaisedRows<kRows, kWidth>& raised) : rows(raised.rows[0]) {}
  __m512i look_up(__m512i numbers) const {
    if constexpr (kWidth == 8)
      return _mm512_i64gather_epi64(numbers, rows, 8);
    else
      return _mm512_i32gather_epi32(numbers, rows, 4);
  }
};

struct Iq2Xxs : OfRows<256, 8> {
  static constexpr int64_t kBytes = 66;
  static constexpr float kFactor = 0.125f;
  static constexpr int kSets = 1;
  Iq2Xxs() : OfRows(raised()) {}
  static const RaisedRows<256, 8>& raised() {
    static const RaisedRows made(tensor::kIq2XxsRows);
    return made;
  }
  // Each group: four row numbers, then signs and a scale.
  GroupedWeights bytes(const std::byte* block) const {
    const __m512i groups = load_512(block + 2);
    const SignBits signs = signs_of_sevens<32>(groups);
    GroupedWeights weights;
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k)
      weights.bytes[k] = signs.apply(
          look_up(_mm512_and_si512(_mm512_srli_epi64(groups, static_cast<unsigned>(8 * k)), _mm512_set1_epi64(255))),
          k);
    weights.scales[0] = odd_of(_mm512_srli_epi32(upper_in_both(groups), 27));
    return weights;
  }
};

struct Iq2Xs : OfRows<512, 8> {
  static constexpr int64_t kBytes = 74;
  static constexpr float kFactor = 0.125f;
  static constexpr int kSets = 2;
  Iq2Xs() : OfRows(raised()) {}
  static const RaisedRows<512, 8>& raised() {
    static const RaisedRows made(tensor::kIq2XsRows);
    return made;
  }
  // Words of nine bits of row number and seven signs.
  GroupedWeights bytes(const std::byte* block) const {
    static constexpr auto kIndex = tell_each<uint8_t>([](int at) { return at % 8 * 8 + at / 8 % 4 * 2; });
    const __m512i words = load_512(block + 2);
    const SignBits signs(_mm512_castsi512_si256(
        _mm512_permutexvar_epi8(load_constant(kIndex), even_signs(_mm512_srli_epi16(words, 9)))));
    GroupedWeights weights;
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k)
      weights.bytes[k] = signs.apply(
          look_up(_mm512_and_si512(_mm512_srli_epi64(words, static_cast<unsigned>(16 * k)), _mm512_set1_epi64(511))),
          k);
    put_nibble_scales(block + 66, weights);
    return weights;
  }
};

struct Iq2S : OfRows<1024, 8> {
  static constexpr int64_t kBytes = 82;
  static constexpr float kFactor = 0.125f;
  static constexpr int kSets = 2;
  Iq2S() : OfRows(raised()) {}
  static const RaisedRows<1024, 8>& raised() {
    static const RaisedRows made(tensor::kIq2SRows);
    return made;
  }
  // Eight bits of row numbers, signs, two upper bits of each number.
  GroupedWeights bytes(const std::byte* block) const {
    const __m512i lower = _mm512_cvtepu32_epi64(load_256(block + 2)), upper = eight_bytes(block + 66);
    const SignBits signs = signs_of_bytes(block + 34);
    GroupedWeights weights;
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const __m512i low = _mm512_srli_epi64(lower, static_cast<unsigned>(8 * k)),
                    high = _mm512_slli_epi64(upper, static_cast<unsigned>(8 - 2 * k));
      const __m512i both = _mm512_ternarylogic_epi64(_mm512_set1_epi64(255), low, high, 0xca);  // low where set
      weights.bytes[k] = signs.apply(look_up(_mm512_and_si512(both, _mm512_set1_epi64(1023))), k);
    }
    put_nibble_scales(block + 74, weights);
    return weights;
  }
};

// Of eight bytes, number 2 k and 2 k + 1 as lanes.
template <int k>
static inline __m512i two_of_eight(__m512i bytes) {
  static constexpr auto kIndex =
      tell_each<uint8_t>([](int at) { return at % 4 == 0 ? at % 16 / 8 * 8 + 2 * k + at / 4 % 2 : 0x80; });
  return _mm512_shuffle_epi8(bytes, load_constant(kIndex));
}

struct Iq3Xxs : OfRows<256, 4> {
  static constexpr int64_t kBytes = 98;
  static constexpr float kFactor = 0.25f;
  static constexpr int kSets = 1;
  Iq3Xxs() : OfRows(raised()) {}
  static const RaisedRows<256, 4>& raised() {
    static const RaisedRows made(tensor::kIq3XxsRows);
    return made;
  }
  // Row numbers, then a word of signs and a scale for each group.
  GroupedWeights bytes(const std::byte* block) const {
    const __m512i numbers = load_512(block + 2), words = _mm512_cvtepu32_epi64(load_256(block + 66));
    const SignBits signs = signs_of_sevens<0>(words);
    return {{signs.apply(look_up(two_of_eight<0>(numbers)), 0), signs.apply(look_up(two_of_eight<1>(numbers)), 1),
             signs.apply(look_up(two_of_eight<2>(numbers)), 2), signs.apply(look_up(two_of_eight<3>(numbers)), 3)},
            {odd_of(_mm512_srli_epi32(lower_in_both(words), 27))}};
  }
};

struct Iq3S : OfRows<512, 4> {
  static constexpr int64_t kBytes = 110;
  static constexpr float kFactor = 1;
  static constexpr int kSets = 1;
  Iq3S() : OfRows(raised()) {}
  static const RaisedRows<512, 4>& raised() {
    static const RaisedRows made(tensor::kIq3SRows);
    return made;
  }
  // Eight bits of row numbers, a byte of ninth bits for each group, signs, nibbles of scales.
  template <int k>
  __m512i raised_rows(__m512i numbers, __m512i ninths) const {
    static constexpr auto kShifts = tell_each<uint32_t>([](int at) { return 8 - 2 * k - at % 2; });
    const __m512i upper = _mm512_sllv_epi32(ninths, load_constant(kShifts));
    return look_up(_mm512_ternarylogic_epi32(two_of_eight<k>(numbers), upper, _mm512_set1_epi32(0x100), 0xf8));
  }
  GroupedWeights bytes(const std::byte* block) const {
    static constexpr auto kTurns = tell_each<uint32_t>([](int at) { return (33 - at / 2 * 4) % 32; });
    const __m512i numbers = load_512(block + 2), ninths = lower_in_both(eight_bytes(block + 66));
    const SignBits signs = signs_of_bytes(block + 74);
    const __m512i nibbles = _mm512_set1_epi32(static_cast<int>(load_u32(block + 106)));
    return {{signs.apply(raised_rows<0>(numbers, ninths), 0), signs.apply(raised_rows<1>(numbers, ninths), 1),
             signs.apply(raised_rows<2>(numbers, ninths), 2), signs.apply(raised_rows<3>(numbers, ninths), 3)},
            {odd_of(_mm512_rolv_epi32(nibbles, load_constant(kTurns)))}};
  }
};

struct Iq4Xs {
  using Order = NibbleOrder;
  static constexpr int64_t kBytes = 136, kScaleAt = 0;
  static constexpr float kFactor = 1;
  static constexpr bool kFolded = false, kMinima = false;
  static constexpr int kSets = 2, kAdded = 128;

  // Six bits of scale for each group, four in one number and two in another; a lane of 128 bits is a group.
  template <int kFirst>
  static __m512i scales(__m512i lower, __m512i upper) {
    static constexpr auto kDown = tell_each<uint32_t>([](int at) { return 4 * (kFirst + at / 4); });
    static constexpr auto kTurns = tell_each<uint32_t>([](int at) { return (36 - 2 * (kFirst + at / 4)) % 32; });
    const __m512i low = _mm512_and_si512(_mm512_srlv_epi32(lower, load_constant(kDown)), _mm512_set1_epi32(15));
    const __m512i high = _mm512_rolv_epi32(upper, load_constant(kTurns));
    return _mm512_sub_epi32(_mm512_ternarylogic_epi32(low, high, _mm512_set1_epi32(0x30), 0xf8), _mm512_set1_epi32(32));
  }
  static GroupedWeights bytes(const std::byte* block) {
    const __m512i raised =
        _mm512_xor_si512(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tensor::kIq4Values))),
                         _mm512_set1_epi8(static_cast<char>(kAdded)));
    const auto look_up = [&](__m512i nibbles) {
      return _mm512_shuffle_epi8(raised, _mm512_and_si512(nibbles, _mm512_set1_epi8(15)));
    };
    const __m512i first = load_512(block + 8), second = load_512(block + 72);
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(load_u32(block) >> 16)),
                  lower = _mm512_set1_epi32(static_cast<int>(load_u32(block + 4)));
    return {
        {look_up(first), look_up(_mm512_srli_epi16(first, 4)), look_up(second), look_up(_mm512_srli_epi16(second, 4))},
        {scales<0>(lower, upper), scales<4>(lower, upper)}};
  }
};

}  // namespace paddock::kernels::amx
