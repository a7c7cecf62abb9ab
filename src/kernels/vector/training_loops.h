// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops of training for registers of one width. `Lanes` is of an unnamed namespace, so that each file has its own.

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/vector/exponential.h"
#include "kernels/vector/training_kernels.h"

namespace paddock::kernels {

// kRows x kVectors registers hold sums; kDepth numbers of a panel's columns stay in the first cache.
template <typename Lanes, int kRows, int kVectors, int64_t kDepth>
struct TrainingLoops {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kWidth = Lanes::kCount, kColumns = kVectors * kWidth;

  // packed[k][lane] = from[lane * stride + k * step], for `count` of kPanel lanes
  template <int64_t kPanel>
  static void pack(const float* from, int64_t stride, int64_t step, int64_t count, int64_t depth, float* packed) {
    if (count < kPanel) std::memset(packed, 0, static_cast<size_t>(depth * kPanel) * sizeof(float));
    if (stride == 1 && count == kPanel) {  // copies of a size that the compiler knows
      for (int64_t k = 0; k < depth; ++k) std::memcpy(packed + k * kPanel, from + k * step, kPanel * sizeof(float));
      return;
    }
    // Few lanes at a time, so that the lines they are read from stay in the cache until they are used up.
    if (step == 1 && count >= 4) {
      for (int64_t first = 0; first < count; first += 4) {
        const int64_t lane = std::min(first, count - 4);  // the last four may do some of the others again
        pack_four<kPanel>(from + lane * stride, stride, depth, packed + lane);
      }
      return;
    }
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t k = 0; k < depth; ++k) packed[k * kPanel + lane] = from[lane * stride + k * step];
  }

  // Four lanes whose numbers lie one after another.
  template <int64_t kPanel>
  static void pack_four(const float* from, int64_t stride, int64_t depth, float* packed) {
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      __m128 four[4];
      for (int lane = 0; lane < 4; ++lane) four[lane] = _mm_loadu_ps(from + lane * stride + k);
      _MM_TRANSPOSE4_PS(four[0], four[1], four[2], four[3]);
      for (int at = 0; at < 4; ++at) _mm_storeu_ps(packed + (k + at) * kPanel, four[at]);
    }
    for (; k < depth; ++k)
      for (int lane = 0; lane < 4; ++lane) packed[k * kPanel + lane] = from[lane * stride + k];
  }

  static void pack_rows(const StridedFloats& a, int64_t rows, int64_t depth, void* packed) {
    pack<kRows>(a.from, a.row_stride, a.column_stride, rows, depth, static_cast<float*>(packed));
  }
  static void pack_columns(const StridedFloats& b, int64_t columns, int64_t depth, void* packed) {
    pack<kColumns>(b.from, b.column_stride, b.row_stride, columns, depth, static_cast<float*>(packed));
  }

  static void multiply_panels(const float* a, const float* b, int64_t depth, Floats (&sums)[kRows][kVectors]) {
    for (auto& row : sums)
      for (Floats& sum : row) sum = Lanes::zero();
    for (int64_t k = 0; k < depth; ++k, a += kRows, b += kColumns) {
      Floats columns[kVectors];
#pragma GCC unroll 4
      for (int vector = 0; vector < kVectors; ++vector) columns[vector] = Lanes::load(b + vector * kWidth);
#pragma GCC unroll 16
      for (int row = 0; row < kRows; ++row) {
        const Floats factor = Lanes::set(a[row]);
#pragma GCC unroll 4
        for (int vector = 0; vector < kVectors; ++vector)
          sums[row][vector] = Lanes::multiply_add(factor, columns[vector], sums[row][vector]);
      }
    }
  }

  static void multiply(const void* a, const void* b, int64_t depth, int64_t rows, int64_t columns, float scale,
                       bool add, float* c, int64_t stride) {
    Floats sums[kRows][kVectors];
    multiply_panels(static_cast<const float*>(a), static_cast<const float*>(b), depth, sums);
    const Floats factor = Lanes::set(scale);
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      if (row >= rows) break;
#pragma GCC unroll 4
      for (int vector = 0; vector < kVectors; ++vector) {
        const int64_t left = columns - vector * kWidth;
        if (left <= 0) break;
        float* to = c + row * stride + vector * kWidth;
        if (left >= kWidth) {
          Lanes::store(to, add ? Lanes::multiply_add(factor, sums[row][vector], Lanes::load(to))
                               : Lanes::multiply(factor, sums[row][vector]));
        } else {
          Lanes::store_first(to,
                             add ? Lanes::multiply_add(factor, sums[row][vector], Lanes::load_first(to, left))
                                 : Lanes::multiply(factor, sums[row][vector]),
                             left);
        }
      }
    }
  }

  // f(first, count) for pieces of a row.
  template <typename Function>
  static void pieces(int64_t count, const Function& function) {
    for (int64_t first = 0; first < count; first += kWidth) function(first, std::min(kWidth, count - first));
  }

  // 1 / (1 + exp(-x)), from the exponential of -|x|, which cannot overflow.
  static Floats sigmoid(Floats x) {
    const Floats one = Lanes::set(1.0f), e = exponential<Lanes>(Lanes::subtract(Lanes::zero(), Lanes::magnitude(x)));
    return Lanes::divide(Lanes::where_less(x, Lanes::zero(), e, one), Lanes::add(one, e));
  }

  static void silu_product(const float* a, const float* b, int64_t width, float* inner) {
    pieces(width, [&](int64_t first, int64_t count) {
      const Floats gate = Lanes::load_first(a + first, count), up = Lanes::load_first(b + first, count);
      Lanes::store_first(inner + first, Lanes::multiply(Lanes::multiply(gate, sigmoid(gate)), up), count);
    });
  }

  static void silu_product_backward(float* a, float* b, const float* dinner, int64_t width) {
    pieces(width, [&](int64_t first, int64_t count) {
      const Floats gate = Lanes::load_first(a + first, count), up = Lanes::load_first(b + first, count);
      const Floats dh = Lanes::load_first(dinner + first, count), s = sigmoid(gate), one = Lanes::set(1.0f);
      const Floats slope = Lanes::multiply(s, Lanes::multiply_add(gate, Lanes::subtract(one, s), one));
      Lanes::store_first(a + first, Lanes::multiply(Lanes::multiply(dh, up), slope), count);
      Lanes::store_first(b + first, Lanes::multiply(dh, Lanes::multiply(gate, s)), count);
    });
  }

  // In parts of some thousands of numbers, each summed in float32.
  static double exponential_sum(const float* x, int64_t count, float* largest) {
    const Floats lowest = Lanes::set(-3.4e38f);
    Floats most = lowest;
    pieces(count, [&](int64_t first, int64_t left) {
      most = Lanes::maximum(most, Lanes::between(Lanes::load_first(x + first, left), 0, left, lowest));
    });
    *largest = Lanes::largest(most);
    const Floats shift = Lanes::set(*largest);
    constexpr int64_t kPart = 64 * kWidth;
    double total = 0;
    for (int64_t begin = 0; begin < count; begin += kPart) {
      Floats sum = Lanes::zero();
      pieces(std::min(kPart, count - begin), [&](int64_t first, int64_t left) {
        const Floats e = exponential<Lanes>(Lanes::subtract(Lanes::load_first(x + begin + first, left), shift));
        sum = Lanes::add(sum, Lanes::between(e, 0, left, Lanes::zero()));
      });
      float lanes[kWidth];
      Lanes::store(lanes, sum);
      for (const float lane : lanes) total += static_cast<double>(lane);
    }
    return total;
  }

  static void scaled_exponential(float* x, int64_t count, float shift, float weight) {
    pieces(count, [&](int64_t first, int64_t left) {
      const Floats e = exponential<Lanes>(Lanes::subtract(Lanes::load_first(x + first, left), Lanes::set(shift)));
      Lanes::store_first(x + first, Lanes::multiply(e, Lanes::set(weight)), left);
    });
  }

  static float sum_of(Floats x) {
    float lanes[kWidth];
    Lanes::store(lanes, x);
    double sum = 0;
    for (const float lane : lanes) sum += static_cast<double>(lane);
    return static_cast<float>(sum);
  }

  static void norm_backward(const float* x, const float* weight, const float* dy, int64_t width, float epsilon,
                            bool add, float* dx, float* dweight) {
    const auto g_at = [&](int64_t first, int64_t count) {
      const Floats g = Lanes::load_first(dy + first, count);
      return weight == nullptr ? g : Lanes::multiply(g, Lanes::load_first(weight + first, count));
    };
    Floats squares = Lanes::zero(), products = Lanes::zero();
    pieces(width, [&](int64_t first, int64_t count) {
      const Floats value = Lanes::load_first(x + first, count);
      squares = Lanes::multiply_add(value, value, squares);
      products = Lanes::multiply_add(g_at(first, count), value, products);
    });
    const float r = 1.0f / __builtin_sqrtf(sum_of(squares) / static_cast<float>(width) + epsilon);
    const Floats scale = Lanes::set(r), of_x = Lanes::set(r * r * r * (sum_of(products) / static_cast<float>(width)));
    pieces(width, [&](int64_t first, int64_t count) {
      const Floats value = Lanes::load_first(x + first, count);
      if (dweight != nullptr) {
        const Floats step = Lanes::multiply(Lanes::load_first(dy + first, count), Lanes::multiply(value, scale));
        Lanes::store_first(dweight + first, Lanes::add(Lanes::load_first(dweight + first, count), step), count);
      }
      Floats result = Lanes::subtract_product(Lanes::multiply(scale, g_at(first, count)), value, of_x);
      if (add) result = Lanes::add(result, Lanes::load_first(dx + first, count));
      Lanes::store_first(dx + first, result, count);
    });
  }

  static void adamw(const AdamWFactors& f, int64_t count, const float* gradients, float* weights, float* first,
                    float* second) {
    const Floats beta1 = Lanes::set(f.beta1), beta2 = Lanes::set(f.beta2), clip = Lanes::set(f.clip);
    const Floats rest1 = Lanes::set(1 - f.beta1), rest2 = Lanes::set(1 - f.beta2), rate = Lanes::set(f.rate);
    pieces(count, [&](int64_t at, int64_t left) {
      const Floats g = Lanes::multiply(clip, Lanes::load_first(gradients + at, left));
      const Floats m = Lanes::multiply_add(beta1, Lanes::load_first(first + at, left), Lanes::multiply(rest1, g));
      const Floats v = Lanes::multiply_add(beta2, Lanes::load_first(second + at, left),
                                           Lanes::multiply(rest2, Lanes::multiply(g, g)));
      Lanes::store_first(first + at, m, left);
      Lanes::store_first(second + at, v, left);
      const Floats root = Lanes::square_root(Lanes::multiply(v, Lanes::set(f.second_scale)));
      const Floats step =
          Lanes::divide(Lanes::multiply(m, Lanes::set(f.first_scale)), Lanes::add(root, Lanes::set(f.epsilon)));
      const Floats kept = Lanes::multiply(Lanes::load_first(weights + at, left), Lanes::set(f.keep));
      Lanes::store_first(weights + at, Lanes::subtract_product(kept, rate, step), left);
    });
  }

  static constexpr TrainingKernels kernels(const char* name) {
    return {.name = name,
            .products = {.panel_rows = kRows,
                         .panel_columns = kColumns,
                         .depth = kDepth,
                         .depth_step = 1,
                         .number_bytes = sizeof(float),
                         .begin = nullptr,
                         .end = nullptr,
                         .pack_rows = pack_rows,
                         .pack_columns = pack_columns,
                         .multiply = multiply},
            .silu_product = silu_product,
            .silu_product_backward = silu_product_backward,
            .exponential_sum = exponential_sum,
            .scaled_exponential = scaled_exponential,
            .norm_backward = norm_backward,
            .adamw = adamw};
  }
};

}  // namespace paddock::kernels
