// SPDX-License-Identifier: Apache-2.0
// AVX2 with VNNI: processors that have no AVX-512.
#include "kernels/avx2/int8_lanes.h"
#include "kernels/vector/int8_loops.h"

namespace paddock::kernels::avx2 {
namespace {

struct VnniLanes : EightLanes {
  static constexpr int kOffset = 128;
  static Ints dot(Ints sums, Ints weights, Ints activations) {
    return _mm256_dpbusd_avx_epi32(sums, weights, activations);
  }
  static void interleave(const int8_t* rows, int64_t stride, uint8_t (*to)[kWidth][4]) {
    interleave_with(kOffset, rows, stride, to);
  }
};

template <int kTerms>
struct VnniKernel {
  using Loops = int8::Int8<VnniLanes, kTerms>;
  static constexpr Packing kPacking = {Loops::packed_bytes, Loops::pack};
  static constexpr ProductKernel kKernel = {kTerms == 1 ? "AVX-VNNI int8" : "AVX-VNNI int8 in two terms",
                                            Arithmetic::kInt8, &kPacking, sizeof(typename Loops::Scratch),
                                            Loops::multiply};
};

}  // namespace

const ProductKernel* vnni_product_kernel(tensor::DType dtype) {
  return tensor::is_block_format(dtype) ? &VnniKernel<1>::kKernel : nullptr;
}
const ProductKernel* fine_vnni_product_kernel(tensor::DType dtype) {
  return tensor::is_block_format(dtype) ? &VnniKernel<2>::kKernel : nullptr;
}

}  // namespace paddock::kernels::avx2
