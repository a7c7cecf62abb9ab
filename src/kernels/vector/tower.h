// SPDX-License-Identifier: Apache-2.0
#pragma once
// Operations on picture tiles by TowerKernels, spread over threads.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/contracts/attend_tiles.h"
#include "kernels/contracts/layer_norm.h"
#include "kernels/contracts/linear.h"
#include "kernels/vector/float_kernels.h"
#include "kernels/vector/tower_kernels.h"

namespace paddock::kernels {

class Tower {
 public:
  // All must outlive it.
  Tower(const TowerKernels& kernels, const FloatKernels& floats, ThreadPool* pool)
      : kernels_(kernels), floats_(floats), pool_(*pool), scratch_(static_cast<size_t>(pool->threads())) {}

  void layer_norm(const LayerNorm& op);
  void linear(const Linear& op);
  void attend(const AttendTiles& op);

  // The most that it keeps (Machine::tile_private_bytes).
  static size_t private_bytes(const TowerKernels& kernels, int64_t inputs, int64_t head_width, int64_t tile_rows,
                              int threads);

 private:
  // Outputs of one matrix.
  struct Part {
    const LinearOutput* output;
    int64_t first_output;
    int64_t outputs;
    int64_t first_bias;  // in biases_
  };

  void list_parts(const Linear& op, int64_t row_parts);
  std::byte* scratch(int thread, size_t bytes);
  // A vector as float32, in `numbers` from `first` on.
  void decode(const NormWeight& vector, std::vector<float>* numbers, size_t first) const;

  const TowerKernels& kernels_;
  const FloatKernels& floats_;
  ThreadPool& pool_;
  std::vector<Part> parts_;
  std::vector<float> weight_, biases_;
  std::vector<std::vector<std::byte>> scratch_;  // one for each thread
};

}  // namespace paddock::kernels
