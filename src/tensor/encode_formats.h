// SPDX-License-Identifier: Apache-2.0
#pragma once
// One encoder for each block format, all with the contract of encode_row (encode.h), which chooses among them.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/blocks.h"

namespace paddock::tensor {

// encode_simple_blocks.cc
void encode_q4_0(const float* values, std::byte* bytes, int64_t count);
void encode_q4_1(const float* values, std::byte* bytes, int64_t count);
void encode_q5_0(const float* values, std::byte* bytes, int64_t count);
void encode_q5_1(const float* values, std::byte* bytes, int64_t count);
void encode_q8_0(const float* values, std::byte* bytes, int64_t count);

// encode_k_quants.cc
void encode_q2_k(const float* values, std::byte* bytes, int64_t count);
void encode_q3_k(const float* values, std::byte* bytes, int64_t count);
void encode_q4_k(const float* values, std::byte* bytes, int64_t count);
void encode_q5_k(const float* values, std::byte* bytes, int64_t count);
void encode_q6_k(const float* values, std::byte* bytes, int64_t count);

inline StoredHalf stored_half(uint16_t half) {
  return {{{static_cast<uint8_t>(half & 0xFF), static_cast<uint8_t>(half >> 8)}}};
}

// make(x) is the block of the values from x on.
template <typename Block, typename Make>
void encode_each_block(const float* values, std::byte* bytes, int64_t count, int block_values, const Make& make) {
  for (int64_t first = 0; first < count; first += block_values) {
    const Block block = make(values + first);
    std::memcpy(bytes, &block, sizeof block);
    bytes += sizeof block;
  }
}

}  // namespace paddock::tensor
