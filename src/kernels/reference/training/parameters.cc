// SPDX-License-Identifier: Apache-2.0
// What is done to parameters and their gradients as long rows of numbers.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/host/moment_bytes.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

// So that a sum does not depend on how many threads share it.
constexpr int64_t kNumbersOfASum = 4096;

}  // namespace

// A thread owns rows of the table and reads all tokens.
void ReferenceTrainer::embed_backward(const EmbedBackward& op) {
  CHECK(static_cast<int64_t>(op.tokens.size()) == op.dx_TD.rows);
  pool_.parallel_for(op.dtable_VD.rows, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = 0; row < op.dx_TD.rows; ++row) {
      const int32_t token = op.tokens[static_cast<size_t>(row)];
      if (token < begin || token >= end) continue;
      const float* dx = HostMemory::row(op.dx_TD, row);
      float* to = HostMemory::row(op.dtable_VD, token);
      for (int64_t index = 0; index < op.dx_TD.width; ++index) to[index] += dx[index];
    }
  });
}

void ReferenceTrainer::adamw(const AdamW& op) {
  if (op.moments == MomentFormat::kF32) {
    pool_.parallel_for(op.count, kNumbersOfASum, [&](int64_t begin, int64_t end, int) {
      adamw_numbers(op, begin, end - begin, HostMemory::floats(op.first_moments) + begin,
                    HostMemory::floats(op.second_moments) + begin);
    });
    return;
  }
  const FirstMomentBytes firsts(HostMemory::bytes(op.first_moments), op.count);
  const SecondMomentBytes seconds(HostMemory::bytes(op.second_moments), op.count);
  pool_.parallel_for(firsts.blocks(), 16, [&](int64_t begin, int64_t end, int) {
    float first[kMomentBlock], second[kMomentBlock];
    for (int64_t block = begin; block < end; ++block) {
      firsts.unpack(block, first);
      seconds.unpack(block, second);
      const int64_t at = block * kMomentBlock;
      adamw_numbers(op, at, std::min(kMomentBlock, op.count - at), first, second);
      firsts.pack(block, first, static_cast<uint32_t>(2 * op.step));
      seconds.pack(block, second, static_cast<uint32_t>(2 * op.step + 1));
    }
  });
}

void ReferenceTrainer::adamw_numbers(const AdamW& op, int64_t begin, int64_t count, float* first, float* second) const {
  float* weights = HostMemory::floats(op.weights) + begin;
  const float* gradients = HostMemory::floats(op.gradients) + begin;
  const double first_share = 1 - std::pow(op.beta1, static_cast<double>(op.step));
  const double second_share = 1 - std::pow(op.beta2, static_cast<double>(op.step));
  for (int64_t index = 0; index < count; ++index) {
    const double gradient = op.clip * gradients[index];
    first[index] = static_cast<float>(op.beta1 * first[index] + (1 - op.beta1) * gradient);
    second[index] = static_cast<float>(op.beta2 * second[index] + (1 - op.beta2) * gradient * gradient);
    const double step = first[index] / first_share / (std::sqrt(second[index] / second_share) + op.epsilon);
    weights[index] = static_cast<float>(weights[index] * (1 - op.rate * op.decay) - op.rate * step);
  }
}

double ReferenceTrainer::sum_of_squares(Address numbers, int64_t count) {
  const float* values = HostMemory::floats(numbers);
  const int64_t parts = (count + kNumbersOfASum - 1) / kNumbersOfASum;
  std::vector<double> sums(static_cast<size_t>(parts));
  pool_.parallel_for(parts, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t part = begin; part < end; ++part)
      for (int64_t index = part * kNumbersOfASum; index < std::min(count, (part + 1) * kNumbersOfASum); ++index)
        sums[static_cast<size_t>(part)] += static_cast<double>(values[index]) * values[index];
  });
  double sum = 0;
  for (const double each : sums) sum += each;
  return sum;
}

void ReferenceTrainer::copy(Address from, Address to, int64_t count) {
  std::memcpy(HostMemory::floats(to), HostMemory::floats(from), static_cast<size_t>(count) * sizeof(float));
}

void ReferenceTrainer::average(Address from, Address to, int64_t count, float keep) {
  const float* values = HostMemory::floats(from);
  float* means = HostMemory::floats(to);
  pool_.parallel_for(count, kNumbersOfASum, [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) means[index] = keep * means[index] + (1 - keep) * values[index];
  });
}

void ReferenceTrainer::clear(Address numbers, int64_t count) {
  std::memset(HostMemory::floats(numbers), 0, static_cast<size_t>(count) * sizeof(float));
}

}  // namespace paddock::kernels
