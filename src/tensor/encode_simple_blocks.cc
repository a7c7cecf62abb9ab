// SPDX-License-Identifier: Apache-2.0
// Blocks of 32 values with one scale, and a minimum in some (decode_simple_blocks.cc has the equations).

#include "tensor/encode_fit.h"
#include "tensor/encode_formats.h"

namespace paddock::tensor {
namespace {

constexpr int kBlock = 32;
constexpr int kHalf = 16;

// Quants against a scale as it is stored.
void quantise(const float* x, float scale, float minimum, float low, float high, int (&quants)[kBlock]) {
  const float inverse = inverse_or_zero(scale);
  for (int index = 0; index < kBlock; ++index)
    quants[index] = static_cast<int>(quant_of((x[index] - minimum) * inverse, low, high));
}

// q + shift of x = scale * q.
StoredHalf quantise_symmetric(const float* x, const QuantRange& range, int shift, int (&quants)[kBlock]) {
  const uint16_t scale = nearest_finite_half(fit_scale<kBlock>(x, range));
  quantise(x, float_from_half(scale), 0, range.low, range.high, quants);
  for (int& quant : quants) quant += shift;
  return stored_half(scale);
}

struct StoredPair {
  StoredHalf scale, minimum;
};

// q of x = scale * q + minimum.
StoredPair quantise_with_minimum(const float* x, float levels, float reach, int (&quants)[kBlock]) {
  const ScaleAndOffset fit = fit_scale_and_minimum<kBlock>(x, levels, reach, false);
  const uint16_t scale = nearest_finite_half(fit.scale), minimum = nearest_finite_half(-fit.minimum);
  quantise(x, float_from_half(scale), float_from_half(minimum), 0, levels, quants);
  return {stored_half(scale), stored_half(minimum)};
}

void store_nibbles(const int (&quants)[kBlock], uint8_t (&nibbles)[kHalf]) {
  for (int index = 0; index < kHalf; ++index)
    nibbles[index] = static_cast<uint8_t>((quants[index] & 15) | (quants[index + kHalf] & 15) << 4);
}

StoredU32 fifth_bits_of(const int (&quants)[kBlock]) {
  uint32_t bits = 0;
  for (int index = 0; index < kBlock; ++index) bits |= (static_cast<uint32_t>(quants[index]) >> 4 & 1) << index;
  return {{static_cast<uint8_t>(bits), static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits >> 16),
           static_cast<uint8_t>(bits >> 24)}};
}

}  // namespace

void encode_q4_0(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ4_0>(values, bytes, count, kBlock, [](const float* x) {
    BlockQ4_0 block;
    int quants[kBlock];
    block.scale = quantise_symmetric(x, {-8, 7, 1.5f}, 8, quants);
    store_nibbles(quants, block.nibbles);
    return block;
  });
}

void encode_q4_1(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ4_1>(values, bytes, count, kBlock, [](const float* x) {
    BlockQ4_1 block;
    int quants[kBlock];
    const StoredPair pair = quantise_with_minimum(x, 15, 2.0f, quants);
    block.scale = pair.scale;
    block.minimum = pair.minimum;
    store_nibbles(quants, block.nibbles);
    return block;
  });
}

void encode_q5_0(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ5_0>(values, bytes, count, kBlock, [](const float* x) {
    BlockQ5_0 block;
    int quants[kBlock];
    block.scale = quantise_symmetric(x, {-16, 15, 1.0f}, 16, quants);
    block.fifth_bits = fifth_bits_of(quants);
    store_nibbles(quants, block.nibbles);
    return block;
  });
}

void encode_q5_1(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ5_1>(values, bytes, count, kBlock, [](const float* x) {
    BlockQ5_1 block;
    int quants[kBlock];
    const StoredPair pair = quantise_with_minimum(x, 31, 1.5f, quants);
    block.scale = pair.scale;
    block.minimum = pair.minimum;
    block.fifth_bits = fifth_bits_of(quants);
    store_nibbles(quants, block.nibbles);
    return block;
  });
}

void encode_q8_0(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ8_0>(values, bytes, count, kBlock, [](const float* x) {
    BlockQ8_0 block;
    int quants[kBlock];
    block.scale = quantise_symmetric(x, {-127, 127, 0.5f}, 0, quants);
    for (int index = 0; index < kBlock; ++index) block.quants[index] = static_cast<int8_t>(quants[index]);
    return block;
  });
}

}  // namespace paddock::tensor
