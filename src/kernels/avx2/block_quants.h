// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stored weights as small integers: what a product does with each format's bits.
//
// A register holds sixteen stored bytes of each of two outputs (or four of each of eight): a format's own work is the
// same for both. Each format tells how many bytes a chunk of 256 inputs takes, how many blocks of 32 share the runs of
// sixteen bytes that it takes at once, where those runs are in a row's chunk, and what was added to its quants, which
// makes them unsigned; it gives the scales of eight outputs' chunk. `with_format` finds the one of a stored type.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/avx2/block_scales.h"
#include "kernels/avx2/int16_blocks.h"
#include "kernels/avx2/transpose.h"
#include "kernels/vector/unpack.h"

namespace paddock::kernels::avx2 {
namespace {

using int16::kChunk;
using int16::kWidth;

using RowsOfWeights = const std::byte* const (&)[kWidth];

constexpr int kSigned = -1;  // in place of what was added: nothing was, and quants have signs

struct Scales {
  alignas(32) float scales[kChunk / 16][kWidth];  // of groups of 16 or 32
  alignas(32) float offsets[kChunk / 16][kWidth];
};

// Bytes: quants of a block's first sixteen inputs, and of its others.
struct Quants {
  __m256i first, second;
};

inline __m256i low_nibbles(__m256i bytes) { return _mm256_and_si256(bytes, _mm256_set1_epi8(15)); }
inline __m256i high_nibbles(__m256i bytes) { return low_nibbles(_mm256_srli_epi16(bytes, 4)); }
// `bits` of each byte, from bit `from` on, put to bit `to`.
inline __m256i move_bits(__m256i bytes, int64_t from, int to, int bits) {
  const __m256i low = _mm256_srl_epi16(bytes, _mm_cvtsi64_si128(from));
  return _mm256_and_si256(_mm256_slli_epi16(low, to), _mm256_set1_epi8(static_cast<char>(((1 << bits) - 1) << to)));
}

// What lies at `at` in each of eight rows, one a lane. Each is put where it belongs in a register: a register that is
// loaded from memory just after it was written there in parts waits for all writes.
[[gnu::always_inline]] inline __m128i load_halves(RowsOfWeights rows, int64_t at) {
  const auto half = [&](int row) { return load_u16(rows[row] + at); };
  __m128i halves = _mm_cvtsi32_si128(half(0));
  halves = _mm_insert_epi16(halves, half(1), 1);
  halves = _mm_insert_epi16(halves, half(2), 2);
  halves = _mm_insert_epi16(halves, half(3), 3);
  halves = _mm_insert_epi16(halves, half(4), 4);
  halves = _mm_insert_epi16(halves, half(5), 5);
  halves = _mm_insert_epi16(halves, half(6), 6);
  return _mm_insert_epi16(halves, half(7), 7);
}

// floats[block][output] of the binary16 numbers that lie kStride apart.
template <int64_t kStride>
inline void put_halves(RowsOfWeights rows, int64_t first, int64_t blocks, float (*floats)[kWidth]) {
  for (int64_t block = 0; block < blocks; ++block)
    _mm256_store_ps(floats[block], _mm256_cvtph_ps(load_halves(rows, first + block * kStride)));
}

// Formats whose runs are taken from the stored rows.
struct AsStored {
  explicit AsStored(tensor::DType) {}
  static RowsOfWeights rows(RowsOfWeights stored) { return stored; }
};

struct Q4_0 : AsStored {
  using AsStored::AsStored;
  static constexpr int64_t kBlockBytes = 18, kLoaded = 1;
  static constexpr int64_t chunk_bytes() { return 8 * kBlockBytes; }
  static constexpr int kRuns = 1, kAdded = 8;
  static constexpr bool kOffsets = false, kHalves = false;
  using Raw = __m256i;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    put_halves<kBlockBytes>(rows, 0, blocks, to.scales);
  }
  static int64_t run(int64_t block, int) { return block * kBlockBytes + 2; }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return runs(0);
  }
  static Quants quants(const Raw& raw, int64_t) { return {low_nibbles(raw), high_nibbles(raw)}; }
};

struct Q4_1 : Q4_0 {
  using Q4_0::Q4_0;
  static constexpr int64_t kBlockBytes = 20;
  static constexpr int64_t chunk_bytes() { return 8 * kBlockBytes; }
  static constexpr int kAdded = 0;
  static constexpr bool kOffsets = true;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    put_halves<kBlockBytes>(rows, 0, blocks, to.scales);
    put_halves<kBlockBytes>(rows, 2, blocks, to.offsets);
  }
  static int64_t run(int64_t block, int) { return block * kBlockBytes + 4; }
};

struct Q8_0 : Q4_0 {
  using Q4_0::Q4_0;
  static constexpr int64_t kBlockBytes = 34;
  static constexpr int64_t chunk_bytes() { return 8 * kBlockBytes; }
  static constexpr int kRuns = 2, kAdded = kSigned;
  using Raw = Quants;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    put_halves<kBlockBytes>(rows, 0, blocks, to.scales);
  }
  static int64_t run(int64_t block, int run) { return block * kBlockBytes + 2 + 16 * run; }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {runs(0), runs(1)};
  }
  static Quants quants(const Raw& raw, int64_t) { return raw; }
};

// Sixteen values of a table, by nibbles.
inline Quants look_up(const uint8_t (&table)[16], __m256i nibbles) {
  const __m256i values = _mm256_broadcastsi128_si256(load_16_bytes(table));
  return {_mm256_shuffle_epi8(values, low_nibbles(nibbles)), _mm256_shuffle_epi8(values, high_nibbles(nibbles))};
}

struct Iq4Nl : Q4_0 {
  using Q4_0::Q4_0;
  static constexpr int kAdded = 128;
  static Quants quants(const Raw& raw, int64_t) {
    static constexpr uint8_t kValues[16] = {1,   24,  45,  63,  79,  93,  106, 118,  //
                                            129, 141, 153, 166, 181, 197, 217, 241};
    return look_up(kValues, raw);
  }
};

struct Mxfp4 : Q4_0 {
  using Q4_0::Q4_0;
  static constexpr int64_t kBlockBytes = 17;
  static constexpr int64_t chunk_bytes() { return 8 * kBlockBytes; }
  static constexpr int kAdded = 12;
  static void prepare(RowsOfWeights rows, int64_t blocks, Scales& to) {
    for (int64_t block = 0; block < blocks; ++block) {
      // 2^(e - 128), half of the scale: the table is doubled. Below 2^-126 floats are denormal. Each half has the
      // exponent as its lower byte.
      const __m256i exponent =
          _mm256_and_si256(_mm256_cvtepu16_epi32(load_halves(rows, block * kBlockBytes)), _mm256_set1_epi32(0xff));
      const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(exponent, _mm256_set1_epi32(1)), 23);
      const __m256i denormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), exponent);
      const __m256i bits = _mm256_blendv_epi8(denormal, normal, _mm256_cmpgt_epi32(exponent, _mm256_set1_epi32(1)));
      _mm256_store_si256(reinterpret_cast<__m256i*>(to.scales[block]), bits);
    }
  }
  static int64_t run(int64_t block, int) { return block * kBlockBytes + 1; }
  static Quants quants(const Raw& raw, int64_t) {
    static constexpr uint8_t kValues[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    return look_up(kValues, raw);
  }
};

// Of eight rows' groups, lane by lane: floats[group][row].
template <int64_t kGroups>
void turn(const float (&rows)[kWidth][kGroups], float (*floats)[kWidth]) {
  for (int64_t first = 0; first < kGroups; first += kWidth) {
    __m256i lanes[kWidth];
    for (int64_t row = 0; row < kWidth; ++row) lanes[row] = load_32_bytes(&rows[row][first]);
    transpose_8x8(lanes);
    for (int64_t group = 0; group < kWidth; ++group) store_32_bytes(floats[first + group], lanes[group]);
  }
}

// kGroups scales of each of eight outputs' blocks, and offsets where there are any.
template <int64_t kGroups, bool kOffsets, typename Block>
void put_scales(RowsOfWeights rows, Scales& to) {
  alignas(32) float scales[kWidth][kGroups], offsets[kWidth][kGroups];
  for (int64_t row = 0; row < kWidth; ++row) {
    __m256 of_row[2][kGroups / 8];
    load_scales(*reinterpret_cast<const Block*>(rows[row]), of_row[0], of_row[1]);
    for (int64_t eight = 0; eight < kGroups / 8; ++eight) {
      _mm256_store_ps(&scales[row][eight * 8], of_row[0][eight]);
      if constexpr (kOffsets) _mm256_store_ps(&offsets[row][eight * 8], of_row[1][eight]);
    }
  }
  turn(scales, to.scales);
  if constexpr (kOffsets) turn(offsets, to.offsets);
}

struct Q4K : AsStored {
  using AsStored::AsStored;
  static constexpr int64_t chunk_bytes() { return sizeof(tensor::BlockQ4_K); }
  static constexpr int64_t kLoaded = 2;
  static constexpr int kRuns = 2, kAdded = 0;
  static constexpr bool kOffsets = true, kHalves = false;
  using Raw = Quants;
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) { put_scales<8, true, tensor::BlockQ4_K>(rows, to); }
  // Two blocks share 32 bytes: the low nibbles are the first's.
  static int64_t run(int64_t block, int run) { return 16 + block * 16 + 16 * run; }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {runs(0), runs(1)};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    return block % 2 == 0 ? Quants{low_nibbles(raw.first), low_nibbles(raw.second)}
                          : Quants{high_nibbles(raw.first), high_nibbles(raw.second)};
  }
};

struct Q5K : Q4K {
  using Q4K::Q4K;
  static constexpr int64_t chunk_bytes() { return sizeof(tensor::BlockQ5_K); }
  static constexpr int kRuns = 4;
  struct Raw {
    Quants nibbles, fifths;
  };
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) { put_scales<8, true, tensor::BlockQ5_K>(rows, to); }
  static int64_t run(int64_t block, int run) { return run < 2 ? 48 + block * 16 + 16 * run : 16 * run - 16; }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {{runs(0), runs(1)}, {runs(2), runs(3)}};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    const Quants low = Q4K::quants(raw.nibbles, block);
    return {_mm256_or_si256(low.first, move_bits(raw.fifths.first, block, 4, 1)),
            _mm256_or_si256(low.second, move_bits(raw.fifths.second, block, 4, 1))};
  }
};

struct Q6K : AsStored {
  using AsStored::AsStored;
  static constexpr int64_t chunk_bytes() { return sizeof(tensor::BlockQ6_K); }
  static constexpr int64_t kLoaded = 4;
  static constexpr int kRuns = 6, kAdded = 32;
  static constexpr bool kOffsets = false, kHalves = true;
  struct Raw {
    Quants nibbles[2], crumbs;
  };
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) { put_scales<16, false, tensor::BlockQ6_K>(rows, to); }
  // Each half of the block has 64 bytes of nibbles and 32 of crumbs for its 128 values.
  static int64_t run(int64_t block, int run) {
    return run < 4 ? block * 16 + 16 * run : 128 + block * 8 + 16 * (run - 4);
  }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {{{runs(0), runs(1)}, {runs(2), runs(3)}}, {runs(4), runs(5)}};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    const int64_t part = block % 4;
    const Quants& nibbles = raw.nibbles[part % 2];
    const auto joined = [&](__m256i nibble, __m256i crumbs) {
      return _mm256_or_si256(part < 2 ? low_nibbles(nibble) : high_nibbles(nibble), move_bits(crumbs, 2 * part, 4, 2));
    };
    return {joined(nibbles.first, raw.crumbs.first), joined(nibbles.second, raw.crumbs.second)};
  }
};

struct Q2K : AsStored {
  using AsStored::AsStored;
  static constexpr int64_t chunk_bytes() { return sizeof(tensor::BlockQ2_K); }
  static constexpr int64_t kLoaded = 4;
  static constexpr int kRuns = 2, kAdded = 0;
  static constexpr bool kOffsets = true, kHalves = true;
  using Raw = Quants;
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) { put_scales<16, true, tensor::BlockQ2_K>(rows, to); }
  // Four blocks share 32 bytes, two bits of each.
  static int64_t run(int64_t block, int run) { return 16 + block * 8 + 16 * run; }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {runs(0), runs(1)};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    return {move_bits(raw.first, block % 4 * 2, 0, 2), move_bits(raw.second, block % 4 * 2, 0, 2)};
  }
};

struct Q3K : AsStored {
  using AsStored::AsStored;
  static constexpr int64_t chunk_bytes() { return sizeof(tensor::BlockQ3_K); }
  static constexpr int64_t kLoaded = 4;
  static constexpr int kRuns = 4, kAdded = 4;
  static constexpr bool kOffsets = false, kHalves = true;
  struct Raw {
    Quants crumbs, thirds;
  };
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) { put_scales<16, false, tensor::BlockQ3_K>(rows, to); }
  static int64_t run(int64_t block, int run) { return run < 2 ? 32 + block * 8 + 16 * run : 16 * (run - 2); }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {{runs(0), runs(1)}, {runs(2), runs(3)}};
  }
  static Quants quants(const Raw& raw, int64_t block) {
    const Quants low = Q2K::quants(raw.crumbs, block);
    return {_mm256_or_si256(low.first, move_bits(raw.thirds.first, block, 2, 1)),
            _mm256_or_si256(low.second, move_bits(raw.thirds.second, block, 2, 1))};
  }
};

struct Iq4Xs : Iq4Nl {
  using Iq4Nl::Iq4Nl;
  static constexpr int64_t chunk_bytes() { return sizeof(tensor::BlockIQ4_XS); }
  static void prepare(RowsOfWeights rows, int64_t, Scales& to) { put_scales<8, false, tensor::BlockIQ4_XS>(rows, to); }
  static int64_t run(int64_t block, int) { return 8 + block * 16; }
};

// Any other format: its rows are unpacked, and the runs are taken from there.
template <bool halves, bool offsets>
struct Unpacked {
  static constexpr int64_t kLoaded = 1;
  static constexpr int kRuns = 2, kAdded = kSigned;
  static constexpr bool kOffsets = offsets, kHalves = halves;
  static constexpr int64_t kGroups = kChunk / (halves ? 16 : 32);
  using Raw = Quants;

  explicit Unpacked(tensor::DType dtype)
      : unpacker(*avx2::unpacker(dtype)), bytes(static_cast<int64_t>(tensor::row_bytes(dtype, kChunk))) {
    for (int64_t output = 0; output < kWidth; ++output)
      unpacked[output] = reinterpret_cast<const std::byte*>(integers[output]);
  }
  Unpacked(const Unpacked&) = delete;
  Unpacked& operator=(const Unpacked&) = delete;

  void prepare(RowsOfWeights stored, int64_t blocks, Scales& to) {
    for (int64_t output = 0; output < kWidth; ++output)
      unpacker.unpack(stored[output], blocks * int16::kBlock, integers[output], scales_of[output], offsets_of[output],
                      1);
    turn(scales_of, to.scales);
    if constexpr (kOffsets) turn(offsets_of, to.offsets);
  }
  RowsOfWeights rows(RowsOfWeights) const { return unpacked; }
  int64_t chunk_bytes() const { return bytes; }
  static int64_t run(int64_t block, int run) { return block * int16::kBlock + 16 * run; }
  template <typename Runs>
  static Raw load(const Runs& runs) {
    return {runs(0), runs(1)};
  }
  static Quants quants(const Raw& raw, int64_t) { return raw; }

  const Unpacker& unpacker;
  const int64_t bytes;
  const std::byte* unpacked[kWidth];
  alignas(32) int8_t integers[kWidth][kChunk];
  alignas(32) float scales_of[kWidth][kGroups] = {}, offsets_of[kWidth][kGroups] = {};
};

// Calls `use` with the format of a stored type.
template <typename Use>
void with_format(tensor::DType dtype, const Use& use) {
  using tensor::DType;
  switch (dtype) {
    case DType::kQ4_0: return use(Q4_0(dtype));
    case DType::kQ4_1: return use(Q4_1(dtype));
    case DType::kQ8_0: return use(Q8_0(dtype));
    case DType::kQ2_K: return use(Q2K(dtype));
    case DType::kQ3_K: return use(Q3K(dtype));
    case DType::kQ4_K: return use(Q4K(dtype));
    case DType::kQ5_K: return use(Q5K(dtype));
    case DType::kQ6_K: return use(Q6K(dtype));
    case DType::kIQ4_NL: return use(Iq4Nl(dtype));
    case DType::kIQ4_XS: return use(Iq4Xs(dtype));
    case DType::kMXFP4: return use(Mxfp4(dtype));
    default: break;
  }
  const Unpacker& unpacker = *avx2::unpacker(dtype);
  if (unpacker.group == 16)
    unpacker.offsets ? use(Unpacked<true, true>(dtype)) : use(Unpacked<true, false>(dtype));
  else
    unpacker.offsets ? use(Unpacked<false, true>(dtype)) : use(Unpacked<false, false>(dtype));
}

// Sixteen bytes of two rows.
inline __m256i load_run(const std::byte* row, const std::byte* other) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(load_16_bytes(row)), load_16_bytes(other), 1);
}

}  // namespace
}  // namespace paddock::kernels::avx2
