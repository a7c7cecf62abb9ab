// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/row_operations.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

// Numbers that a thread takes at least: a few microseconds, as long as it takes to wake it.
constexpr int64_t kNumbersAtOnce = 32768;

int64_t rows_at_once(int64_t width) { return std::max(int64_t{1}, kNumbersAtOnce / std::max(int64_t{1}, width)); }

}  // namespace

size_t RowOperations::private_bytes(int64_t width, int64_t head_width, int64_t tokens) {
  const int64_t floats = width + head_width / 2 + 2 * tokens * head_width;
  return static_cast<size_t>(floats) * sizeof(float) + static_cast<size_t>(tokens) * sizeof(int64_t);
}

void RowOperations::rms_norm(const RmsNorm& op) {
  const int64_t width = op.x_TD.width;
  const float* weight = HostMemory::floats(op.weight_D.weights);
  if (op.weight_D.dtype != tensor::DType::kF32) {
    weight_.resize(std::max(weight_.size(), static_cast<size_t>(width)));
    tensor::decode_row(op.weight_D.dtype, HostMemory::bytes(op.weight_D.weights), weight_.data(), width);
    weight = weight_.data();
  }
  pool_.parallel_for(op.x_TD.rows, rows_at_once(width), [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token)
      kernels_.rms_norm(HostMemory::row(op.x_TD, token), weight, width, op.epsilon, HostMemory::row(op.y_TD, token));
  });
}

void RowOperations::head_norm(const HeadNorm& op) {
  pool_.parallel_for(op.x_TNH.rows, rows_at_once(op.x_TNH.width), [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token)
      kernels_.head_norm(HostMemory::row(op.x_TNH, token), op.x_TNH.width, op.head_width, op.epsilon);
  });
}

void RowOperations::silu_multiply(const Rows& gate, const Rows& up) {
  CHECK(gate.width == up.width && gate.rows <= up.rows);
  pool_.parallel_for(gate.rows * gate.width, kNumbersAtOnce, [&](int64_t begin, int64_t end, int) {
    kernels_.silu_multiply(HostMemory::floats(gate.address) + begin, HostMemory::floats(up.address) + begin,
                           end - begin);
  });
}

void RowOperations::make_turns(const Rotate& op) {
  if (op.pairs == pairs_ && std::ranges::equal(op.positions, positions_) &&
      std::ranges::equal(op.frequencies, frequencies_))
    return;
  pairs_ = op.pairs;
  positions_.assign(op.positions.begin(), op.positions.end());
  frequencies_.assign(op.frequencies.begin(), op.frequencies.end());
  const auto tokens = static_cast<int64_t>(positions_.size()), pairs = static_cast<int64_t>(frequencies_.size());
  turns_.resize(static_cast<size_t>(4 * tokens * pairs));
  const bool halves = pairs_ == RopePairs::kHalves;
  const int64_t pair_step = halves ? 1 : 2, partner_step = halves ? pairs : 1;
  pool_.parallel_for(tokens, 8, [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token) {
      const auto position = static_cast<float>(positions_[static_cast<size_t>(token)]);
      float* cosines = turns_.data() + 4 * token * pairs;
      float* sines = cosines + 2 * pairs;
      for (int64_t pair = 0; pair < pairs; ++pair) {
        const float angle = position * frequencies_[static_cast<size_t>(pair)];
        const int64_t first = pair * pair_step, second = first + partner_step;
        cosines[first] = cosines[second] = std::cos(angle);
        sines[second] = std::sin(angle);
        sines[first] = -sines[second];
      }
    }
  });
}

void RowOperations::rotate(const Rotate& op) {
  const int64_t rotated = 2 * static_cast<int64_t>(op.frequencies.size());
  CHECK(rotated <= op.head_width && static_cast<int64_t>(op.positions.size()) >= op.x_TNH.rows);
  make_turns(op);
  pool_.parallel_for(op.x_TNH.rows, rows_at_once(op.x_TNH.width), [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token) {
      const float* cosines = turns_.data() + 2 * token * rotated;
      kernels_.rotate(HostMemory::row(op.x_TNH, token), op.x_TNH.width, op.head_width, cosines, cosines + rotated,
                      rotated, op.pairs == RopePairs::kHalves);
    }
  });
}

}  // namespace paddock::kernels
