// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/int8_lanes.h"
#include "kernels/vector/int8_loops.h"

namespace paddock::kernels::avx2 {
namespace {

// Two products of an unsigned and a signed byte are added in 16 bits, and 255 * 127 twice would not fit. Weights of up
// to six bits are made unsigned by adding 64; two products of them fit.
struct NarrowLanes : EightLanes {
  static constexpr int kOffset = 64;
  static Ints dot(Ints sums, Ints weights, Ints activations) {
    const Ints pairs = _mm256_maddubs_epi16(weights, activations);
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static void interleave(const int8_t* rows, int64_t stride, uint8_t (*to)[kWidth][4]) {
    interleave_with(kOffset, rows, stride, to);
  }
};

// Weights of eight bits stay signed: their signs move to the activations.
struct WideLanes : EightLanes {
  static constexpr int kOffset = 0;
  static Ints dot(Ints sums, Ints weights, Ints activations) {
    const Ints pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(activations, weights));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static void interleave(const int8_t* rows, int64_t stride, uint8_t (*to)[kWidth][4]) {
    interleave_with(kOffset, rows, stride, to);
  }
};

template <typename Lanes, int kTerms>
struct Kernel : int8::Int8<Lanes, kTerms> {
  using Loops = int8::Int8<Lanes, kTerms>;
  static constexpr Packing kPacking = {Loops::packed_bytes, Loops::pack};
  static constexpr ProductKernel kKernel = {kTerms == 1 ? "AVX2 int8" : "AVX2 int8 in two terms", Arithmetic::kInt8,
                                            &kPacking, sizeof(typename Loops::Scratch), Loops::multiply};
};

template <int kTerms>
const ProductKernel* kernel_for(tensor::DType dtype) {
  using tensor::DType;
  if (!tensor::is_block_format(dtype)) return nullptr;
  const bool wide = dtype == DType::kQ8_0 || dtype == DType::kIQ4_NL || dtype == DType::kIQ4_XS;
  return wide ? &Kernel<WideLanes, kTerms>::kKernel : &Kernel<NarrowLanes, kTerms>::kKernel;
}

}  // namespace

const ProductKernel* product_kernel(tensor::DType dtype) { return kernel_for<1>(dtype); }
const ProductKernel* fine_product_kernel(tensor::DType dtype) { return kernel_for<2>(dtype); }

}  // namespace paddock::kernels::avx2
