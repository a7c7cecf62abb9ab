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

#include <algorithm>
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

// IQ2 and IQ3: magnitudes are rows of a codebook, eight or four to a row, of three or eight different ones. A row is
// kept as two bytes, two or four bits for each magnitude, so that a block is looked up in registers: byte b of what is
// found tells weights 4 b to 4 b + 3, which become byte b of registers 0 to 3.

// A bit for each weight, negative where it is set: byte b has those of weights 4 b to 4 b + 3, in its lower half where
// b is even, in its upper half where b is odd.
struct SignBits {
  __m512i bytes;

  __m512i apply(__m512i raised, int k) const {  // with 128 added, the negative of a byte is minus the byte
    const auto bits = _mm512_set1_epi16(static_cast<int16_t>(0x1001 << k));
    return _mm512_mask_sub_epi8(raised, _mm512_test_epi8_mask(bytes, bits), _mm512_setzero_si512(), raised);
  }
};
// Four times seven bits of each of eight numbers, from bit kFirst on and kApart apart. The eighth is added: an even
// number of signs is negative. That is a map of a byte's bits, where byte 7 - i says of which bits bit i is the sum;
// the uppermost of the byte is dropped.
template <int kFirst, int kApart>
static inline SignBits signs_of_sevens(__m512i numbers) {
  static constexpr auto kBits = tell_each<uint8_t>([](int at) { return kFirst + at % 8 / 2 * kApart; });
  const __m512i sevens = _mm512_multishift_epi64_epi8(load_constant(kBits), numbers);
  return {_mm512_gf2p8affine_epi64_epi8(sevens, _mm512_set1_epi64(0x010204081020407f), 0)};
}
static inline SignBits signs_of_bytes(const std::byte* from) {
  static constexpr auto kIndex = tell_each<uint8_t>([](int at) { return at / 2; });
  return {_mm512_permutexvar_epi8(load_constant(kIndex), _mm512_castsi256_si512(load_256(from)))};
}

// Odd numbers 2 s + 1 whose s are four bits from bit 1 on.
static inline __m512i odd_of(__m512i lanes) {
  return _mm512_ternarylogic_epi32(lanes, _mm512_set1_epi32(30), _mm512_set1_epi32(1), 0xea);  // (lanes & 30) | 1
}
static inline __m512i lower_in_both(__m512i numbers) { return _mm512_shuffle_epi32(numbers, _MM_PERM_CCAA); }
static inline __m512i upper_in_both(__m512i numbers) { return _mm512_shuffle_epi32(numbers, _MM_PERM_DDBB); }

// The scales of IQ2_XS and IQ2_S: sixteen nibbles, one for each sixteen weights.
static inline __m512i nibble_scales(const std::byte* from) {
  static constexpr auto kBits = tell_each<uint8_t>([](int at) { return (at / 4 * 4 + 63) % 64; });
  uint64_t nibbles;
  std::memcpy(&nibbles, from, sizeof nibbles);
  return odd_of(_mm512_multishift_epi64_epi8(load_constant(kBits), _mm512_set1_epi64(static_cast<int64_t>(nibbles))));
}

// Of 128, 256 or 512 bytes those with the lower bits of `numbers`; eighth and ninth bits are masks.
template <int64_t kBytes>
static inline __m512i look_up_bytes(const uint8_t* table, __m512i numbers, __mmask64 eighths, __mmask64 ninths) {
  if constexpr (kBytes == 128) {
    return _mm512_permutex2var_epi8(_mm512_load_si512(table), numbers, _mm512_load_si512(table + 64));
  } else {
    constexpr int64_t kHalf = kBytes / 2;
    return _mm512_mask_blend_epi8(kBytes == 256 ? eighths : ninths,
                                  look_up_bytes<kHalf>(table, numbers, eighths, ninths),
                                  look_up_bytes<kHalf>(table + kHalf, numbers, eighths, ninths));
  }
}
// Of 64 to 1024 words those with `numbers`. Of many most would be looked up in vain: there a gather is as fast, or
// faster, which reads a word beyond each.
template <int64_t kWords>
static inline __m512i look_up_words(const uint16_t* table, __m512i numbers) {
  if constexpr (kWords > 256) {
    const __m512i even = _mm512_and_si512(numbers, _mm512_set1_epi32(0xffff)), odd = _mm512_srli_epi32(numbers, 16);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_i32gather_epi32(even, table, 2),
                                   _mm512_slli_epi32(_mm512_i32gather_epi32(odd, table, 2), 16));
  } else if constexpr (kWords == 64) {
    return _mm512_permutex2var_epi16(_mm512_load_si512(table), numbers, _mm512_load_si512(table + 32));
  } else {
    constexpr int64_t kHalf = kWords / 2;
    return _mm512_mask_blend_epi16(_mm512_test_epi16_mask(numbers, _mm512_set1_epi16(kHalf)),
                                   look_up_words<kHalf>(table, numbers), look_up_words<kHalf>(table + kHalf, numbers));
  }
}

// Which of a few values that is.
template <size_t kValues>
static inline unsigned index_in(const std::array<uint8_t, kValues>& values, int8_t value) {
  return static_cast<unsigned>(std::find(values.begin(), values.end(), value) - values.begin());
}

// Rows of IQ2: eight crumbs in a word.
template <size_t kRows>
struct CrumbRows {
  static constexpr std::array<uint8_t, 3> kMagnitudes = {8, 25, 43};
  alignas(64) uint16_t words[kRows + 1] = {};
  explicit CrumbRows(const tensor::Codebook<kRows, 8>& from) {
    for (size_t row = 0; row < kRows; ++row)
      for (size_t at = 0; at < 8; ++at)
        words[row] = static_cast<uint16_t>(words[row] | index_in(kMagnitudes, from[row][at]) << (2 * at));
  }
};
// Rows of IQ3: nibbles of the first two and of the last two magnitudes.
template <size_t kRows>
struct NibbleRows {
  alignas(64) uint8_t first[kRows], last[kRows];
  NibbleRows(const tensor::Codebook<kRows, 4>& from, const std::array<uint8_t, 8>& magnitudes) {
    for (size_t row = 0; row < kRows; ++row) {
      const auto pair = [&](size_t at) {
        return static_cast<uint8_t>(index_in(magnitudes, from[row][at]) | index_in(magnitudes, from[row][at + 1]) << 4);
      };
      first[row] = pair(0);
      last[row] = pair(2);
    }
  }
};

// What the formats with rows of a codebook share.
struct OfRows {
  using Order = RowOrder;
  static constexpr int64_t kScaleAt = 0;
  static constexpr bool kFolded = false, kMinima = false;
  static constexpr int kSets = 1, kAdded = 128;
};

template <size_t kRows>
struct Iq2 : OfRows {
  static constexpr float kFactor = 0.125f;
  const uint16_t* words;
  explicit Iq2(const CrumbRows<kRows>& rows) : words(rows.words) {}

  // Of 32 words of row numbers. Two crumbs are an index, as in Q2_K.
  GroupedWeights weights(__m512i numbers, const SignBits& signs, __m512i scales) const {
    static constexpr auto kLower = tell_each<uint8_t>([](int at) { return raised(at % 4); }),
                          kUpper = tell_each<uint8_t>([](int at) { return raised(at % 16 / 4); });
    const __m512i nibble = _mm512_set1_epi8(15), crumbs = look_up_words<kRows>(words, numbers);
    const __m512i first = _mm512_and_si512(crumbs, nibble),
                  second = _mm512_and_si512(_mm512_srli_epi16(crumbs, 4), nibble);
    return {{signs.apply(_mm512_shuffle_epi8(load_constant(kLower), first), 0),
             signs.apply(_mm512_shuffle_epi8(load_constant(kUpper), first), 1),
             signs.apply(_mm512_shuffle_epi8(load_constant(kLower), second), 2),
             signs.apply(_mm512_shuffle_epi8(load_constant(kUpper), second), 3)},
            {scales}};
  }

 private:
  static constexpr int raised(int crumb) { return crumb < 3 ? CrumbRows<kRows>::kMagnitudes[crumb] + 128 : 0; }
};

struct Iq2Xxs : Iq2<256> {
  static constexpr int64_t kBytes = 66;
  Iq2Xxs() : Iq2(rows()) {}
  static const CrumbRows<256>& rows() {
    static const CrumbRows made(tensor::kIq2XxsRows);
    return made;
  }
  // Each group: four row numbers, then signs and a scale.
  GroupedWeights bytes(const std::byte* block) const {
    static constexpr auto kIndex = tell_each<uint8_t>([](int at) { return at / 8 * 8 + at % 8 / 2; });
    const __m512i groups = load_512(block + 2);
    return weights(_mm512_maskz_permutexvar_epi8(0x5555555555555555, load_constant(kIndex), groups),
                   signs_of_sevens<32, 7>(groups), odd_of(_mm512_srli_epi32(upper_in_both(groups), 27)));
  }
};

struct Iq2Xs : Iq2<512> {
  static constexpr int64_t kBytes = 74;
  Iq2Xs() : Iq2(rows()) {}
  static const CrumbRows<512>& rows() {
    static const CrumbRows made(tensor::kIq2XsRows);
    return made;
  }
  // Words of nine bits of row number and seven signs.
  GroupedWeights bytes(const std::byte* block) const {
    const __m512i stored = load_512(block + 2);
    return weights(_mm512_and_si512(stored, _mm512_set1_epi16(511)), signs_of_sevens<9, 16>(stored),
                   nibble_scales(block + 66));
  }
};

struct Iq2S : Iq2<1024> {
  static constexpr int64_t kBytes = 82;
  Iq2S() : Iq2(rows()) {}
  static const CrumbRows<1024>& rows() {
    static const CrumbRows made(tensor::kIq2SRows);
    return made;
  }
  // Eight bits of row numbers, signs, two upper bits of each number.
  GroupedWeights bytes(const std::byte* block) const {
    static constexpr auto kBits = tell_each<uint8_t>([](int at) { return at % 8 / 2 * 2; });
    const __m512i lower = _mm512_cvtepu8_epi16(load_256(block + 2)),
                  crumbs = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(block + 66)));
    const __m512i upper = _mm512_slli_epi16(_mm512_multishift_epi64_epi8(load_constant(kBits), crumbs), 8);
    const __m512i numbers = _mm512_ternarylogic_epi32(lower, upper, _mm512_set1_epi16(0x300), 0xf8);
    return weights(numbers, signs_of_bytes(block + 34), nibble_scales(block + 74));
  }
};

template <size_t kRows>
struct Iq3 : OfRows {
  const NibbleRows<kRows>& rows;
  explicit Iq3(const NibbleRows<kRows>& of) : rows(of) {}

  // Of 64 bytes of row numbers and their ninth bits.
  template <typename Format>
  GroupedWeights weights(__m512i numbers, __mmask64 ninths, const SignBits& signs, __m512i scales) const {
    static constexpr auto kRaised =
        tell_each<uint8_t>([](int at) { return at % 16 < 8 ? Format::kMagnitudes[at % 16] + 128 : 0; });
    const __mmask64 eighths = _mm512_movepi8_mask(numbers);
    const __m512i first = look_up_bytes<kRows>(rows.first, numbers, eighths, ninths),
                  last = look_up_bytes<kRows>(rows.last, numbers, eighths, ninths);
    const auto weights_of = [&](__m512i nibbles, int k) {
      return signs.apply(_mm512_shuffle_epi8(load_constant(kRaised), _mm512_and_si512(nibbles, _mm512_set1_epi8(15))),
                         k);
    };
    return {{weights_of(first, 0), weights_of(_mm512_srli_epi16(first, 4), 1), weights_of(last, 2),
             weights_of(_mm512_srli_epi16(last, 4), 3)},
            {scales}};
  }
};

struct Iq3Xxs : Iq3<256> {
  static constexpr int64_t kBytes = 98;
  static constexpr float kFactor = 0.25f;
  static constexpr std::array<uint8_t, 8> kMagnitudes = {4, 12, 20, 28, 36, 44, 52, 62};
  Iq3Xxs() : Iq3(rows()) {}
  static const NibbleRows<256>& rows() {
    static const NibbleRows made(tensor::kIq3XxsRows, kMagnitudes);
    return made;
  }
  // Row numbers, then a word of signs and a scale for each group.
  GroupedWeights bytes(const std::byte* block) const {
    const __m512i words = _mm512_cvtepu32_epi64(load_256(block + 66));
    return weights<Iq3Xxs>(load_512(block + 2), 0, signs_of_sevens<0, 7>(words),
                           odd_of(_mm512_srli_epi32(lower_in_both(words), 27)));
  }
};

struct Iq3S : Iq3<512> {
  static constexpr int64_t kBytes = 110;
  static constexpr float kFactor = 1;
  static constexpr std::array<uint8_t, 8> kMagnitudes = {1, 3, 5, 7, 9, 11, 13, 15};
  Iq3S() : Iq3(rows()) {}
  static const NibbleRows<512>& rows() {
    static const NibbleRows made(tensor::kIq3SRows, kMagnitudes);
    return made;
  }
  // Eight bits of row numbers, their ninth bits, signs, nibbles of scales.
  GroupedWeights bytes(const std::byte* block) const {
    static constexpr auto kTurns = tell_each<uint32_t>([](int at) { return (33 - at / 2 * 4) % 32; });
    uint64_t ninths;
    std::memcpy(&ninths, block + 66, sizeof ninths);
    const __m512i nibbles = _mm512_set1_epi32(static_cast<int>(load_u32(block + 106)));
    return weights<Iq3S>(load_512(block + 2), _cvtu64_mask64(ninths), signs_of_bytes(block + 74),
                         odd_of(_mm512_rolv_epi32(nibbles, load_constant(kTurns))));
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
