// SPDX-License-Identifier: Apache-2.0
#pragma once
// Operations on single rows by RowKernels, spread over threads.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/contracts/norm.h"
#include "kernels/contracts/position.h"
#include "kernels/vector/row_kernels.h"

namespace paddock::kernels {

// Used by one thread at a time, which must not be inside another parallel_for of the pool.
class RowOperations {
 public:
  // Both must outlive it.
  RowOperations(const RowKernels& kernels, ThreadPool* pool) : kernels_(kernels), pool_(*pool) {}

  void rms_norm(const RmsNorm& op);
  void head_norm(const HeadNorm& op);
  // Cosines and sines of the last positions are kept: all layers of a step, queries and keys, turn by the same.
  void rotate(const Rotate& op);
  // gate = silu(gate) * up
  void silu_multiply(const Rows& gate, const Rows& up);

  // The most that it keeps for rows of this width.
  static size_t private_bytes(int64_t width, int64_t head_width, int64_t tokens);

 private:
  void make_turns(const Rotate& op);

  const RowKernels& kernels_;
  ThreadPool& pool_;
  std::vector<float> weight_;  // of a norm, decoded

  // What the turns are of, and they: for each token the cosines, then the sines, as RowKernels::rotate takes them.
  std::vector<int64_t> positions_;
  std::vector<float> frequencies_;
  RopePairs pairs_ = RopePairs::kInterleaved;
  std::vector<float> turns_;
};

}  // namespace paddock::kernels
