// SPDX-License-Identifier: Apache-2.0
#include "tensor/decode.h"

#include "base/check.h"
#include "tensor/decode_formats.h"

namespace paddock::tensor {

void decode_row(DType dtype, const std::byte* bytes, float* values, int64_t count) {
  DCHECK(count % info(dtype).values == 0);
  switch (dtype) {
    case DType::kF32: return decode_f32(bytes, values, count);
    case DType::kF16: return decode_f16(bytes, values, count);
    case DType::kBF16: return decode_bf16(bytes, values, count);
    case DType::kF8E4M3: return decode_f8_e4m3(bytes, values, count);
    case DType::kQ4_0: return decode_q4_0(bytes, values, count);
    case DType::kQ4_1: return decode_q4_1(bytes, values, count);
    case DType::kQ5_0: return decode_q5_0(bytes, values, count);
    case DType::kQ5_1: return decode_q5_1(bytes, values, count);
    case DType::kQ8_0: return decode_q8_0(bytes, values, count);
    case DType::kQ2_K: return decode_q2_k(bytes, values, count);
    case DType::kQ3_K: return decode_q3_k(bytes, values, count);
    case DType::kQ4_K: return decode_q4_k(bytes, values, count);
    case DType::kQ5_K: return decode_q5_k(bytes, values, count);
    case DType::kQ6_K: return decode_q6_k(bytes, values, count);
    case DType::kIQ1_S: return decode_iq1_s(bytes, values, count);
    case DType::kIQ1_M: return decode_iq1_m(bytes, values, count);
    case DType::kIQ2_XXS: return decode_iq2_xxs(bytes, values, count);
    case DType::kIQ2_XS: return decode_iq2_xs(bytes, values, count);
    case DType::kIQ2_S: return decode_iq2_s(bytes, values, count);
    case DType::kIQ3_XXS: return decode_iq3_xxs(bytes, values, count);
    case DType::kIQ3_S: return decode_iq3_s(bytes, values, count);
    case DType::kIQ4_NL: return decode_iq4_nl(bytes, values, count);
    case DType::kIQ4_XS: return decode_iq4_xs(bytes, values, count);
    case DType::kMXFP4: return decode_mxfp4(bytes, values, count);
    case DType::kTQ1_0: return decode_tq1_0(bytes, values, count);
    case DType::kTQ2_0: return decode_tq2_0(bytes, values, count);
    case DType::kF64:
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kU8:
    case DType::kBool: break;
  }
  CHECK(is_decodable(dtype));
}

}  // namespace paddock::tensor
