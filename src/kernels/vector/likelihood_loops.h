// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops behind LikelihoodKernels for registers of any width; of `Lanes` as kernels/vector/attend_loops.h says.

#include "kernels/vector/exponential.h"
#include "kernels/vector/likelihood_kernels.h"

namespace paddock::kernels {

template <typename Lanes>
struct LikelihoodLoops {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kWidth = Lanes::kCount;
  static constexpr int64_t kParts = kLikelihoodLanes / kWidth;  // registers that hold the lanes

  static void lane_maxima(const float* logits, int64_t count, float* maxima) {
    const Floats nothing = Lanes::set(-__builtin_inff());
    for (int64_t start = 0; start < count; start += kLikelihoodBlock, maxima += kLikelihoodLanes) {
      Floats largest[kParts];
      for (Floats& lanes : largest) lanes = nothing;
      // The second operand comes back where the first is not a number.
      visit(logits, start, count, nothing,
            [&](Floats x, int64_t part) { largest[part] = Lanes::maximum(x, largest[part]); });
      for (int64_t part = 0; part < kParts; ++part) Lanes::store(maxima + part * kWidth, largest[part]);
    }
  }

  static void weigh(const float* logits, int64_t count, const Softening& softening, float* weights) {
    const Floats maximum = Lanes::set(softening.maximum), inverse = Lanes::set(softening.inverse_temperature);
    const Floats least = Lanes::set(softening.least);
    const auto weight = [&](Floats x) {
      const Floats all =
          Lanes::maximum(exponential<Lanes>(Lanes::multiply(Lanes::subtract(x, maximum), inverse)), Lanes::zero());
      return Lanes::where_less(all, least, Lanes::zero(), all);
    };
    int64_t index = 0;
    for (; index + kWidth <= count; index += kWidth) Lanes::store(weights + index, weight(Lanes::load(logits + index)));
    if (const int64_t rest = count - index; rest > 0)
      Lanes::store_first(weights + index, weight(Lanes::load_first(logits + index, rest)), rest);
  }

  static void block_sums(const float* weights, int64_t count, float least, float* sums) {
    const Floats bound = Lanes::set(least);
    for (int64_t start = 0; start < count; start += kLikelihoodBlock) {
      Floats partial[kParts];
      for (Floats& lanes : partial) lanes = Lanes::zero();
      visit(weights, start, count, Lanes::zero(), [&](Floats weight, int64_t part) {
        partial[part] = Lanes::add(partial[part], Lanes::where_less(weight, bound, Lanes::zero(), weight));
      });
      *sums++ = Lanes::sum(partial);
    }
  }

  static int64_t find(const float* numbers, int64_t count, float least, int32_t* places) {
    const Floats bound = Lanes::set(least);
    int64_t found = 0;
    const auto note = [&](Floats x, int64_t index) {
      for (uint32_t bits = Lanes::at_least(x, bound); bits != 0; bits &= bits - 1)
        places[found++] = static_cast<int32_t>(index + __builtin_ctz(bits));
    };
    int64_t index = 0;
    for (; index + kWidth <= count; index += kWidth) note(Lanes::load(numbers + index), index);
    for (; index < count; ++index)
      if (numbers[index] >= least) places[found++] = static_cast<int32_t>(index);
    return found;
  }

 private:
  // Calls body(numbers, part) for the block that begins at `start`; `nothing` in lanes behind the end.
  template <typename Body>
  static void visit(const float* from, int64_t start, int64_t count, Floats nothing, const Body& body) {
    const int64_t end = count - start < kLikelihoodBlock ? count : start + kLikelihoodBlock;
    int64_t index = start;
    for (; index + kLikelihoodLanes <= end; index += kLikelihoodLanes)
#pragma GCC unroll 2
      for (int64_t part = 0; part < kParts; ++part) body(Lanes::load(from + index + part * kWidth), part);
    for (int64_t part = 0; index < end; ++part, index += kWidth) {
      const int64_t rest = end - index < kWidth ? end - index : kWidth;
      body(Lanes::between(Lanes::load_first(from + index, rest), 0, rest, nothing), part);
    }
  }
};

}  // namespace paddock::kernels
