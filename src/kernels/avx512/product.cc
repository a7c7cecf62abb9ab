// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/few_rows.h"
#include "kernels/avx512/transpose.h"
#include "kernels/vector/int8_loops.h"

namespace paddock::kernels::avx512 {
namespace {

struct Lanes {
  using Floats = __m512;
  using Ints = __m512i;
  static constexpr int64_t kWidth = 16;
  static constexpr int kTokens = 6;  // two panels of them are 12 integer and 12 float sums: all registers but a few
  static constexpr int kOffset = 128;

  static Floats zero() { return _mm512_setzero_ps(); }
  static Floats load(const float* from) { return _mm512_load_ps(from); }
  static void store(float* to, Floats values) { _mm512_store_ps(to, values); }
  static Ints load_ints(const void* from) { return _mm512_load_si512(from); }
  static Ints broadcast(const void* four_bytes) {
    int32_t value;
    std::memcpy(&value, four_bytes, sizeof value);
    return _mm512_set1_epi32(value);
  }
  static Floats broadcast(float value) { return _mm512_set1_ps(value); }
  static Ints dot(Ints sums, Ints weights, Ints activations) { return _mm512_dpbusd_epi32(sums, weights, activations); }
  static Floats to_floats(Ints values) { return _mm512_cvtepi32_ps(values); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats add_product(Floats a, Floats b, Floats sum) { return _mm512_fmadd_ps(a, b, sum); }

  // 32 quants of sixteen rows that lie `stride` bytes apart to eight vectors of four quants a row, made unsigned.
  static void interleave(const int8_t* rows, int64_t stride, uint8_t (*to)[kWidth][4]) {
    __m512i quads[16];
    for (int row = 0; row < 16; ++row)  // the upper halves are not used
      quads[row] = _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + row * stride)));
    transpose_16x16(quads);
    for (int quad = 0; quad < 8; ++quad)
      _mm512_store_si512(to[quad], _mm512_xor_si512(quads[quad], _mm512_set1_epi8(static_cast<char>(kOffset))));
  }
};

template <int kTerms>
struct Kernel {
  using Loops = int8::Int8<Lanes, kTerms>;
  static void multiply(const ProductPiece& piece) {
    if (kTerms * piece.tokens <= kFewRows && multiply_few_rows(piece, kTerms)) return;
    Loops::multiply(piece);
  }
  static constexpr Packing kPacking = {Loops::packed_bytes, Loops::pack};
  static constexpr ProductKernel kKernel = {kTerms == 1 ? "AVX-512 VNNI int8" : "AVX-512 VNNI int8 in two terms",
                                            Arithmetic::kInt8, &kPacking, sizeof(typename Loops::Scratch), multiply};
};

}  // namespace

const ProductKernel* product_kernel(tensor::DType dtype) {
  return tensor::is_block_format(dtype) ? &Kernel<1>::kKernel : nullptr;
}
const ProductKernel* fine_product_kernel(tensor::DType dtype) {
  return tensor::is_block_format(dtype) ? &Kernel<2>::kKernel : nullptr;
}

}  // namespace paddock::kernels::avx512
