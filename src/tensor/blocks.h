// SPDX-License-Identifier: Apache-2.0
#pragma once
// GGUF's block formats as they lie in a file, without alignment: every field is bytes, wider numbers are little-endian.
// What the fields mean is in the decoders (decode_*.cc).

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/floats.h"

namespace paddock::tensor {

struct StoredU16 {
  uint8_t bytes[2];
  uint16_t value() const { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }
};

struct StoredU32 {
  uint8_t bytes[4];
  uint32_t value() const {
    return bytes[0] | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[3]} << 24;
  }
};

struct StoredHalf {
  StoredU16 bits;
  float value() const { return float_from_half(bits.value()); }
};

// Blocks of 32 values: one scale, sometimes a minimum. Nibble i holds value i in its low half, value i + 16 in its high
// half.

struct BlockQ4_0 {
  StoredHalf scale;
  uint8_t nibbles[16];
};

struct BlockQ4_1 {
  StoredHalf scale;
  StoredHalf minimum;
  uint8_t nibbles[16];
};

struct BlockQ5_0 {
  StoredHalf scale;
  StoredU32 fifth_bits;  // bit i belongs to value i
  uint8_t nibbles[16];
};

struct BlockQ5_1 {
  StoredHalf scale;
  StoredHalf minimum;
  StoredU32 fifth_bits;
  uint8_t nibbles[16];
};

struct BlockQ8_0 {
  StoredHalf scale;
  int8_t quants[32];
};

struct BlockIQ4_NL {
  StoredHalf scale;
  uint8_t nibbles[16];
};

struct BlockMXFP4 {
  uint8_t scale;  // E8M0
  uint8_t nibbles[16];
};

// K-quants: 256 values in groups of 16 or 32, the groups' scales quantised too.

struct BlockQ2_K {
  uint8_t scales[16];  // low nibble: scale, high nibble: minimum, of a group of 16
  uint8_t crumbs[64];  // four 2-bit quants each
  StoredHalf scale;
  StoredHalf minimum;
};

struct BlockQ3_K {
  uint8_t third_bits[32];
  uint8_t crumbs[64];
  uint8_t scales[12];  // sixteen of 6 bits
  StoredHalf scale;
};

struct BlockQ4_K {
  StoredHalf scale;
  StoredHalf minimum;
  uint8_t scales[12];  // eight scales and eight minima of 6 bits
  uint8_t nibbles[128];
};

struct BlockQ5_K {
  StoredHalf scale;
  StoredHalf minimum;
  uint8_t scales[12];
  uint8_t fifth_bits[32];
  uint8_t nibbles[128];
};

struct BlockQ6_K {
  uint8_t nibbles[128];
  uint8_t crumbs[64];  // the upper two bits
  int8_t scales[16];
  StoredHalf scale;
};

// I-quants: 256 values whose magnitudes are rows of a codebook (iq_codebooks.h).

struct BlockIQ1_S {
  StoredHalf scale;
  uint8_t rows[32];
  StoredU16 groups[8];  // of 32 values: 4 x 3 upper row bits, 3 bits of scale, 1 bit of shift
};

struct BlockIQ1_M {
  uint8_t rows[32];
  uint8_t upper[16];    // a nibble for each 8 values: 3 upper row bits, 1 bit of shift
  StoredU16 scales[4];  // 4 x 3 bits of scale; the four upper nibbles together are the block's binary16 scale
};

struct BlockIQ2_XXS {
  StoredHalf scale;
  struct Group {
    uint8_t rows[4];
    StoredU32 signs;  // 4 x 7 bits of signs, 4 bits of scale
  } groups[8];
};

struct BlockIQ2_XS {
  StoredHalf scale;
  StoredU16 rows[32];  // 9 bits of row, 7 bits of signs
  uint8_t scales[8];
};

struct BlockIQ2_S {
  StoredHalf scale;
  uint8_t rows[32];
  uint8_t signs[32];
  uint8_t upper[8];  // 2 upper bits for each row
  uint8_t scales[8];
};

struct BlockIQ3_XXS {
  StoredHalf scale;
  uint8_t rows[64];
  StoredU32 signs[8];  // 4 x 7 bits of signs, 4 bits of scale
};

struct BlockIQ3_S {
  StoredHalf scale;
  uint8_t rows[64];
  uint8_t upper[8];  // an upper bit for each row
  uint8_t signs[32];
  uint8_t scales[4];
};

struct BlockIQ4_XS {
  StoredHalf scale;
  StoredU16 upper_scales;   // 8 x 2 bits
  uint8_t lower_scales[4];  // 8 x 4 bits
  uint8_t nibbles[128];
};

// Ternary: 256 values of -1, 0 or 1 and one scale.

struct BlockTQ1_0 {
  uint8_t five_trits[48];
  uint8_t four_trits[4];
  StoredHalf scale;
};

struct BlockTQ2_0 {
  uint8_t crumbs[64];
  StoredHalf scale;
};

// Calls decode(block, values) for each block of a row. The block is a copy: stores to `values` cannot change it, so
// that the compiler may keep it in vectors.
template <typename Block, typename Decode>
void for_each_block(const std::byte* bytes, float* values, int64_t count, int block_values, Decode decode) {
  static_assert(alignof(Block) == 1);
  for (int64_t first = 0; first < count; first += block_values, bytes += sizeof(Block)) {
    Block block;
    std::memcpy(&block, bytes, sizeof block);
    decode(block, values + first);
  }
}

}  // namespace paddock::tensor
