// SPDX-License-Identifier: Apache-2.0
// Plain floating-point numbers: one value after the other, little-endian.

#include <array>
#include <bit>
#include <cstring>

#include "tensor/decode_formats.h"
#include "tensor/floats.h"

namespace paddock::tensor {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian and read without swapping");

uint16_t load_u16(const std::byte* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

constexpr std::array<float, 256> kE4m3 = [] {
  std::array<float, 256> values{};
  for (int bits = 0; bits < 256; ++bits)
    values[static_cast<size_t>(bits)] = float_from_e4m3(static_cast<uint8_t>(bits));
  return values;
}();

}  // namespace

void decode_f32(const std::byte* bytes, float* values, int64_t count) {
  if (count > 0) std::memcpy(values, bytes, static_cast<size_t>(count) * sizeof(float));
}

void decode_f16(const std::byte* __restrict bytes, float* __restrict values, int64_t count) {
  for (int64_t index = 0; index < count; ++index) values[index] = float_from_half(load_u16(bytes + 2 * index));
}

void decode_bf16(const std::byte* __restrict bytes, float* __restrict values, int64_t count) {
  for (int64_t index = 0; index < count; ++index) values[index] = float_from_bf16(load_u16(bytes + 2 * index));
}

void decode_f8_e4m3(const std::byte* bytes, float* values, int64_t count) {
  for (int64_t index = 0; index < count; ++index) values[index] = kE4m3[std::to_integer<size_t>(bytes[index])];
}

}  // namespace paddock::tensor
