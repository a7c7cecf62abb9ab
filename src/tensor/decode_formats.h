// SPDX-License-Identifier: Apache-2.0
#pragma once
// One decoder for each stored format, all with the contract of decode_row (decode.h), which chooses among them.

#include <cstddef>
#include <cstdint>

namespace paddock::tensor {

// decode_floats.cc
void decode_f32(const std::byte* bytes, float* values, int64_t count);
void decode_f16(const std::byte* bytes, float* values, int64_t count);
void decode_bf16(const std::byte* bytes, float* values, int64_t count);
void decode_f8_e4m3(const std::byte* bytes, float* values, int64_t count);

// decode_simple_blocks.cc
void decode_q4_0(const std::byte* bytes, float* values, int64_t count);
void decode_q4_1(const std::byte* bytes, float* values, int64_t count);
void decode_q5_0(const std::byte* bytes, float* values, int64_t count);
void decode_q5_1(const std::byte* bytes, float* values, int64_t count);
void decode_q8_0(const std::byte* bytes, float* values, int64_t count);

// decode_k_quants.cc
void decode_q2_k(const std::byte* bytes, float* values, int64_t count);
void decode_q3_k(const std::byte* bytes, float* values, int64_t count);
void decode_q4_k(const std::byte* bytes, float* values, int64_t count);
void decode_q5_k(const std::byte* bytes, float* values, int64_t count);
void decode_q6_k(const std::byte* bytes, float* values, int64_t count);

// decode_i_quants.cc
void decode_iq1_s(const std::byte* bytes, float* values, int64_t count);
void decode_iq1_m(const std::byte* bytes, float* values, int64_t count);
void decode_iq2_xxs(const std::byte* bytes, float* values, int64_t count);
void decode_iq2_xs(const std::byte* bytes, float* values, int64_t count);
void decode_iq2_s(const std::byte* bytes, float* values, int64_t count);
void decode_iq3_xxs(const std::byte* bytes, float* values, int64_t count);
void decode_iq3_s(const std::byte* bytes, float* values, int64_t count);

// decode_nibble_codebooks.cc
void decode_iq4_nl(const std::byte* bytes, float* values, int64_t count);
void decode_iq4_xs(const std::byte* bytes, float* values, int64_t count);
void decode_mxfp4(const std::byte* bytes, float* values, int64_t count);

// decode_ternary.cc
void decode_tq1_0(const std::byte* bytes, float* values, int64_t count);
void decode_tq2_0(const std::byte* bytes, float* values, int64_t count);

}  // namespace paddock::tensor
