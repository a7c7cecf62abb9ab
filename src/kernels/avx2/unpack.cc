// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/unpack.h"

#include "kernels/avx2/unpack_parts.h"

namespace paddock::kernels::avx2 {

const Unpacker* unpacker(tensor::DType dtype) {
  static constexpr Unpacker kTable[] = {
      {32, false, unpack_q4_0},    {32, true, unpack_q4_1},    {32, false, unpack_q5_0},   {32, true, unpack_q5_1},
      {32, false, unpack_q8_0},    {16, true, unpack_q2_k},    {16, false, unpack_q3_k},   {32, true, unpack_q4_k},
      {32, true, unpack_q5_k},     {16, false, unpack_q6_k},   {32, false, unpack_iq1_s},  {16, false, unpack_iq1_m},
      {32, false, unpack_iq2_xxs}, {16, false, unpack_iq2_xs}, {16, false, unpack_iq2_s},  {32, false, unpack_iq3_xxs},
      {32, false, unpack_iq3_s},   {32, false, unpack_iq4_nl}, {32, false, unpack_iq4_xs}, {32, false, unpack_tq1_0},
      {32, false, unpack_tq2_0},   {32, false, unpack_mxfp4},
  };
  constexpr int kFirst = static_cast<int>(tensor::DType::kQ4_0);
  static_assert(sizeof kTable / sizeof kTable[0] == static_cast<size_t>(tensor::DType::kMXFP4) - kFirst + 1);
  const int index = static_cast<int>(dtype) - kFirst;
  return index < 0 ? nullptr : &kTable[index];
}

}  // namespace paddock::kernels::avx2
