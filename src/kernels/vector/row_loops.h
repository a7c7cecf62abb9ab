// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops behind RowKernels for registers of any width; of `Lanes` as kernels/vector/attend_loops.h says. No
// multiplication is fused with an addition but in the exponential: these are the reference's operations in its order.

#include "kernels/vector/exponential.h"
#include "kernels/vector/row_kernels.h"

namespace paddock::kernels {

template <typename Lanes>
struct RowLoops {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kWidth = Lanes::kCount;
  static constexpr int64_t kPartialSums = 16;  // as in kernels/reference/sums.h
  static constexpr int64_t kParts = kPartialSums / kWidth;

  static void rms_norm(const float* x, const float* weight, int64_t width, float epsilon, float* y) {
    const Floats scale = Lanes::set(inverse_rms(x, width, epsilon));
    const auto norm = [&](Floats value, Floats factor) {
      return Lanes::multiply(Lanes::multiply(value, scale), factor);
    };
    int64_t index = 0;
    for (; index + kWidth <= width; index += kWidth)
      Lanes::store(y + index, norm(Lanes::load(x + index), Lanes::load(weight + index)));
    if (const int64_t rest = width - index; rest > 0)
      Lanes::store_first(y + index, norm(Lanes::load_first(x + index, rest), Lanes::load_first(weight + index, rest)),
                         rest);
  }

  static void head_norm(float* x, int64_t width, int64_t head_width, float epsilon) {
    for (float* head = x; head < x + width; head += head_width) {
      const Floats scale = Lanes::set(inverse_rms(head, head_width, epsilon));
      int64_t index = 0;
      for (; index + kWidth <= head_width; index += kWidth)
        Lanes::store(head + index, Lanes::multiply(Lanes::load(head + index), scale));
      if (const int64_t rest = head_width - index; rest > 0)
        Lanes::store_first(head + index, Lanes::multiply(Lanes::load_first(head + index, rest), scale), rest);
    }
  }

  static void silu_multiply(float* gate, const float* up, int64_t count) {
    int64_t index = 0;
    for (; index + kWidth <= count; index += kWidth)
      Lanes::store(gate + index, Lanes::multiply(silu(Lanes::load(gate + index)), Lanes::load(up + index)));
    if (const int64_t rest = count - index; rest > 0)
      Lanes::store_first(
          gate + index,
          Lanes::multiply(silu(Lanes::load_first(gate + index, rest)), Lanes::load_first(up + index, rest)), rest);
  }

  static void rotate(float* x, int64_t width, int64_t head_width, const float* cosines, const float* sines,
                     int64_t rotated, bool halves) {
    for (float* head = x; head < x + width; head += head_width)
      if (halves)
        rotate_halves(head, cosines, sines, rotated / 2);
      else
        rotate_neighbours(head, cosines, sines, rotated);
  }

 private:
  static float inverse_rms(const float* x, int64_t width, float epsilon) {
    Floats sums[kParts];
    for (Floats& sum : sums) sum = Lanes::zero();
    int64_t start = 0;
    for (; start + kPartialSums <= width; start += kPartialSums)
#pragma GCC unroll 2
      for (int64_t part = 0; part < kParts; ++part) {
        const Floats value = Lanes::load(x + start + part * kWidth);
        sums[part] = Lanes::add(sums[part], Lanes::multiply(value, value));
      }
    // Lanes behind the end add zero, which changes no sum of squares.
    for (int64_t part = 0; part < kParts && start < width; ++part, start += kWidth) {
      const Floats value = Lanes::load_first(x + start, width - start < kWidth ? width - start : kWidth);
      sums[part] = Lanes::add(sums[part], Lanes::multiply(value, value));
    }
    return 1.0f / __builtin_sqrtf(Lanes::sum(sums) / static_cast<float>(width) + epsilon);
  }

  // z / (1 + exp(-z)), with an exponential that cannot overflow: for z < 0 both sides of the fraction times exp(z).
  static Floats silu(Floats z) {
    const Floats shrunk = exponential<Lanes>(Lanes::subtract(Lanes::zero(), Lanes::magnitude(z)));
    const Floats above = Lanes::where_less(z, Lanes::zero(), Lanes::multiply(z, shrunk), z);
    return Lanes::divide(above, Lanes::add(Lanes::set(1.0f), shrunk));
  }

  static Floats turn(Floats x, Floats partner, Floats cosine, Floats sine) {
    return Lanes::add(Lanes::multiply(x, cosine), Lanes::multiply(partner, sine));
  }

  static void rotate_neighbours(float* x, const float* cosines, const float* sines, int64_t count) {
    int64_t index = 0;
    for (; index + kWidth <= count; index += kWidth) {
      const Floats value = Lanes::load(x + index);
      Lanes::store(x + index,
                   turn(value, Lanes::exchange_pairs(value), Lanes::load(cosines + index), Lanes::load(sines + index)));
    }
    if (const int64_t rest = count - index; rest > 0) {
      const Floats value = Lanes::load_first(x + index, rest);
      Lanes::store_first(x + index,
                         turn(value, Lanes::exchange_pairs(value), Lanes::load_first(cosines + index, rest),
                              Lanes::load_first(sines + index, rest)),
                         rest);
    }
  }

  static void rotate_halves(float* x, const float* cosines, const float* sines, int64_t pairs) {
    for (int64_t index = 0; index < pairs; index += kWidth) {
      const int64_t count = pairs - index < kWidth ? pairs - index : kWidth;
      const auto load = [&](const float* from) { return Lanes::load_first(from + index, count); };
      const Floats first = load(x), second = load(x + pairs);
      Lanes::store_first(x + index, turn(first, second, load(cosines), load(sines)), count);
      Lanes::store_first(x + pairs + index, turn(second, first, load(cosines + pairs), load(sines + pairs)), count);
    }
  }
};

}  // namespace paddock::kernels
