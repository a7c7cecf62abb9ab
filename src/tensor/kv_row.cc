// SPDX-License-Identifier: Apache-2.0
#include "tensor/kv_row.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "tensor/blocks.h"
#include "tensor/decode.h"

namespace paddock::tensor {
namespace {

constexpr uint16_t kHalfInfinity = 0x7C00, kHalfNan = 0x7E00;

StoredHalf stored(uint16_t half) { return {{{static_cast<uint8_t>(half & 0xFF), static_cast<uint8_t>(half >> 8)}}}; }

bool is_finite_half(uint16_t half) { return (half & kHalfInfinity) != kHalfInfinity; }

float inverse(uint16_t half) { return float_from_half(half) > 0 ? 1 / float_from_half(half) : 0; }

bool all_finite(const float (&x)[kKvBlock]) {
  return std::all_of(x, x + kKvBlock, [](float number) { return std::isfinite(number); });
}

void encode(const float (&x)[kKvBlock], BlockQ8_0* block) {
  float largest = 0;
  for (const float number : x) largest = std::max(largest, std::abs(number));
  const uint16_t scale = half_from_float(largest / 127);
  *block = {};
  block->scale = stored(scale);
  if (!all_finite(x) || !is_finite_half(scale)) {
    block->scale = stored(kHalfNan);
    return;
  }
  const float factor = inverse(scale);
  for (int64_t index = 0; index < kKvBlock; ++index)
    block->quants[index] = static_cast<int8_t>(std::clamp(std::nearbyint(x[index] * factor), -127.0f, 127.0f));
}

void encode(const float (&x)[kKvBlock], BlockQ4_1* block) {
  const float least = *std::min_element(x, x + kKvBlock) + 0.0f;  // zero has one sign, whichever zero was found
  const float most = *std::max_element(x, x + kKvBlock) + 0.0f;
  const uint16_t minimum = half_from_float(least), scale = half_from_float((most - least) / 15);
  *block = {};
  if (!all_finite(x) || !is_finite_half(scale) || !is_finite_half(minimum)) {
    block->scale = stored(kHalfNan);
    return;
  }
  block->scale = stored(scale);
  block->minimum = stored(minimum);
  const float factor = inverse(scale), offset = float_from_half(minimum);
  const auto quant = [&](float number) {
    return static_cast<uint8_t>(std::clamp(std::nearbyint((number - offset) * factor), 0.0f, 15.0f));
  };
  for (int64_t index = 0; index < kKvBlock / 2; ++index)
    block->nibbles[index] = static_cast<uint8_t>(quant(x[index]) | quant(x[index + kKvBlock / 2]) << 4);
}

// Bytes of a block of `count` numbers, at most kKvBlock.
size_t block_bytes(DType dtype, int64_t count) {
  if (count == 0) return 0;
  return dtype == DType::kQ8_0 ? 2 + static_cast<size_t>(count)
                               : 4 + static_cast<size_t>(std::min(count, kKvBlock / 2));
}

template <typename Block>
void encode_blocks(DType dtype, const float* values, std::byte* bytes, int64_t width) {
  for (int64_t first = 0; first < width; first += kKvBlock) {
    const int64_t count = std::min(kKvBlock, width - first);
    float numbers[kKvBlock];
    std::fill_n(numbers, kKvBlock, values[first]);
    std::copy_n(values + first, count, numbers);
    Block block;
    encode(numbers, &block);
    std::memcpy(bytes, &block, block_bytes(dtype, count));
    bytes += sizeof(Block);
  }
}

}  // namespace

std::string KvFormat::name() const {
  const std::string of_keys(tensor::name(keys));
  return keys == values ? of_keys : of_keys + "/" + std::string(tensor::name(values));
}

bool is_kv_format(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kQ8_0 ||
         dtype == DType::kQ4_1;
}

size_t kv_row_bytes(DType dtype, int64_t width) {
  CHECK(is_kv_format(dtype));
  if (!is_block_format(dtype)) return row_bytes(dtype, width);
  return row_bytes(dtype, width / kKvBlock * kKvBlock) + block_bytes(dtype, width % kKvBlock);
}

void decode_kv_row(DType dtype, const std::byte* bytes, float* values, int64_t width) {
  CHECK(is_kv_format(dtype));
  const int64_t rest = is_block_format(dtype) ? width % kKvBlock : 0, whole = width - rest;
  decode_row(dtype, bytes, values, whole);
  if (rest == 0) return;
  std::byte block[sizeof(BlockQ8_0)] = {};  // the larger one
  float numbers[kKvBlock];
  std::memcpy(block, bytes + row_bytes(dtype, whole), block_bytes(dtype, rest));
  decode_row(dtype, block, numbers, kKvBlock);
  std::copy_n(numbers, rest, values + whole);
}

void encode_kv_row(DType dtype, const float* values, std::byte* bytes, int64_t width) {
  CHECK(is_kv_format(dtype));
  auto* halves = reinterpret_cast<uint16_t*>(bytes);
  switch (dtype) {
    case DType::kQ8_0: encode_blocks<BlockQ8_0>(dtype, values, bytes, width); break;
    case DType::kQ4_1: encode_blocks<BlockQ4_1>(dtype, values, bytes, width); break;
    case DType::kF16: std::transform(values, values + width, halves, half_from_float); break;
    case DType::kBF16: std::transform(values, values + width, halves, bf16_from_float); break;
    default: std::memcpy(bytes, values, static_cast<size_t>(width) * sizeof(float)); break;
  }
}

}  // namespace paddock::tensor
