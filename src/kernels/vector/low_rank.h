// SPDX-License-Identifier: Apache-2.0
#pragma once
// Low-rank updates, spread over threads: first all rows' products with the narrow sides, then pieces of the outputs.

#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/contracts/low_rank.h"
#include "kernels/contracts/step_shape.h"
#include "kernels/vector/float_kernels.h"

namespace paddock::kernels {

class LowRankUpdates {
 public:
  // Both outlive it.
  LowRankUpdates(const FloatKernels& kernels, ThreadPool* pool) : kernels_(kernels), pool_(*pool) {}

  static size_t private_bytes(const StepShape& step);

  void add(const AddLowRank& op);

 private:
  // One update of one product, and where its work begins among that of all.
  struct Part {
    const UpdatedProduct* product;
    const UpdatedRows* of;
    int64_t first_narrow = 0;  // of `rank`
    int64_t first_piece = 0;   // of outputs
    int64_t first_h = 0;       // [rows, rank], in h_
  };
  void narrow(const Part& part, int64_t j);
  void widen(const Part& part, int64_t piece);

  const FloatKernels& kernels_;
  ThreadPool& pool_;
  std::vector<Part> parts_;
  std::vector<float> h_;
};

}  // namespace paddock::kernels
