// SPDX-License-Identifier: Apache-2.0
// AVX2 with VNNI: processors that have no AVX-512.
#include <cstring>

#include "kernels/avx2/transpose.h"
#include "kernels/vector/int8_loops.h"

namespace paddock::kernels::avx2 {
namespace {

struct VnniLanes {
  using Floats = __m256;
  using Ints = __m256i;
  static constexpr int64_t kWidth = 8;
  static constexpr int kTokens = 3;  // two panels: six integer sums beside six float sums, weights and activations
  static constexpr int kOffset = 128;

  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats load(const float* from) { return _mm256_load_ps(from); }
  static void store(float* to, Floats values) { _mm256_store_ps(to, values); }
  static Ints load_ints(const void* from) { return _mm256_load_si256(static_cast<const __m256i*>(from)); }
  static Ints broadcast(const void* four_bytes) {
    int32_t value;
    std::memcpy(&value, four_bytes, sizeof value);
    return _mm256_set1_epi32(value);
  }
  static Floats broadcast(float value) { return _mm256_set1_ps(value); }
  static Ints dot(Ints sums, Ints weights, Ints activations) {
    return _mm256_dpbusd_avx_epi32(sums, weights, activations);
  }
  static Floats to_floats(Ints values) { return _mm256_cvtepi32_ps(values); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats add_product(Floats a, Floats b, Floats sum) { return _mm256_fmadd_ps(a, b, sum); }

  // 32 quants of eight rows that lie `stride` bytes apart to eight vectors of four quants a row, made unsigned.
  static void interleave(const int8_t* rows, int64_t stride, uint8_t (*to)[kWidth][4]) {
    __m256i quads[8];
    for (int row = 0; row < 8; ++row)
      quads[row] = _mm256_add_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + row * stride)),
                                   _mm256_set1_epi8(static_cast<char>(kOffset)));
    transpose_8x8(quads);
    for (int quad = 0; quad < 8; ++quad) _mm256_store_si256(reinterpret_cast<__m256i*>(to[quad]), quads[quad]);
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
