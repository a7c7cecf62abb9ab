// SPDX-License-Identifier: Apache-2.0
#include "tensor/encode.h"

#include <cstring>
#include <limits>

#include "base/check.h"
#include "tensor/encode_formats.h"

namespace paddock::tensor {
namespace {

using BlockEncoder = void (*)(const float*, std::byte*, int64_t);

BlockEncoder block_encoder(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0: return encode_q4_0;
    case DType::kQ4_1: return encode_q4_1;
    case DType::kQ5_0: return encode_q5_0;
    case DType::kQ5_1: return encode_q5_1;
    case DType::kQ8_0: return encode_q8_0;
    case DType::kQ2_K: return encode_q2_k;
    case DType::kQ3_K: return encode_q3_k;
    case DType::kQ4_K: return encode_q4_k;
    case DType::kQ5_K: return encode_q5_k;
    case DType::kQ6_K: return encode_q6_k;
    default: return nullptr;
  }
}

template <typename Round>
void encode_shorts(const float* values, std::byte* bytes, int64_t count, const Round& round) {
  for (int64_t index = 0; index < count; ++index) {
    const uint16_t bits = round(values[index]);
    std::memcpy(bytes + index * 2, &bits, sizeof bits);
  }
}

}  // namespace

bool is_encodable(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 || block_encoder(dtype) != nullptr;
}

float largest_encodable(DType dtype) {
  constexpr float kLargestHalf = 65504, kLargestBf16 = 0x1.FEp127f;
  if (dtype == DType::kF32) return std::numeric_limits<float>::max();
  return dtype == DType::kBF16 ? kLargestBf16 : kLargestHalf;
}

void encode_row(DType dtype, const float* values, std::byte* bytes, int64_t count) {
  CHECK(is_encodable(dtype));
  DCHECK(count % info(dtype).values == 0);
  switch (dtype) {
    case DType::kF32: std::memcpy(bytes, values, row_bytes(dtype, count)); return;
    case DType::kF16: return encode_shorts(values, bytes, count, half_from_float);
    case DType::kBF16: return encode_shorts(values, bytes, count, bf16_from_float);
    default: return block_encoder(dtype)(values, bytes, count);
  }
}

}  // namespace paddock::tensor
