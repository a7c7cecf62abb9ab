// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x W, with or without a low-rank update, forward and backward.

#include <optional>
#include <span>

#include "kernels/contracts/training/trainer.h"

namespace paddock::train {

// W + scale down up                                                                 (Hu et al., arXiv 2106.09685)
struct LowRank {
  kernels::Plane down, up;    // [in, r], [r, out]
  kernels::Plane ddown, dup;  // of null address: not wanted
  float scale = 1;
};

// [in, out], whichever way it is stored. dw of null address: frozen.
struct Weight {
  kernels::Plane w, dw;
  std::optional<LowRank> update;
};

// One product with its operands. Backward reads x and dy, adds to dw, and writes dx or adds to it.
struct Use {
  Weight weight;
  kernels::Plane x, y;     // forward: y is written; backward: y is dy
  kernels::Plane dx = {};  // of null address: not wanted
};

// Uses run side by side: no two write the same.
class Linears {
 public:
  // `scratch`: as many floats as scratch_floats() says for the largest use of low rank.
  Linears(kernels::Trainer* trainer, kernels::Address scratch, bool rounded)
      : trainer_(*trainer), scratch_(scratch), rounded_(rounded) {}

  static int64_t scratch_floats(int64_t rows, int64_t rank) { return 2 * rows * rank; }

  void forward(std::span<const Use> uses, bool add) const;
  void backward(std::span<const Use> uses, bool add) const;

 private:
  kernels::Trainer& trainer_;
  kernels::Address scratch_;
  bool rounded_;
};

}  // namespace paddock::train
