// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/teacher_buckets.h"

namespace paddock::kernels {

void VectorTrainer::silu_product(const SiluProduct& op) {
  const int64_t width = op.inner.width;
  CHECK(op.gate_up.width == 2 * width && op.gate_up.rows == op.inner.rows);
  pool_.parallel_for(op.inner.rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* a = HostMemory::row(op.gate_up, row);
      kernels_.silu_product(a, a + width, width, HostMemory::row(op.inner, row));
    }
  });
}

void VectorTrainer::silu_product_backward(const SiluProductBackward& op) {
  const int64_t width = op.dinner.width;
  CHECK(op.gate_up.width == 2 * width && op.gate_up.rows == op.dinner.rows);
  pool_.parallel_for(op.dinner.rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* a = HostMemory::row(op.gate_up, row);
      kernels_.silu_product_backward(a, a + width, HostMemory::row(op.dinner, row), width);
    }
  });
}

// Rows are taken in groups of a fixed number, each with sums of its own for dw, which are added in order.
void VectorTrainer::norm_backward(const NormBackward& op) {
  constexpr int64_t kRowsOfASum = 32;
  const int64_t width = op.x.width, rows = op.x.rows, sums = (rows + kRowsOfASum - 1) / kRowsOfASum;
  CHECK(width % op.group == 0 && (op.weight.is_null() || op.group == width));
  CHECK(op.dweight.is_null() || op.group == width);
  const float* weight = op.weight.is_null() ? nullptr : HostMemory::floats(op.weight);
  std::vector<float> dweights(op.dweight.is_null() ? 0 : static_cast<size_t>(sums * width), 0.0f);
  pool_.parallel_for(sums, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t sum = begin; sum < end; ++sum) {
      float* dweight = dweights.empty() ? nullptr : dweights.data() + sum * width;
      for (int64_t row = sum * kRowsOfASum; row < std::min(rows, (sum + 1) * kRowsOfASum); ++row)
        for (int64_t start = 0; start < width; start += op.group)
          kernels_.norm_backward(HostMemory::row(op.x, row) + start, weight, HostMemory::row(op.dy, row) + start,
                                 op.group, op.epsilon, op.add, HostMemory::row(op.dx, row) + start, dweight);
    }
  });
  if (dweights.empty()) return;
  pool_.parallel_for(width, 64, [&](int64_t begin, int64_t end, int) {
    float* total = HostMemory::floats(op.dweight);
    for (int64_t sum = 0; sum < sums; ++sum)
      for (int64_t column = begin; column < end; ++column)
        total[column] += dweights[static_cast<size_t>(sum * width + column)];
  });
}

void VectorTrainer::adamw_numbers(const AdamW& op, int64_t begin, int64_t count, float* first, float* second) const {
  const auto step = static_cast<double>(op.step);
  const AdamWFactors factors{.clip = static_cast<float>(op.clip),
                             .beta1 = static_cast<float>(op.beta1),
                             .beta2 = static_cast<float>(op.beta2),
                             .first_scale = static_cast<float>(1 / (1 - std::pow(op.beta1, step))),
                             .second_scale = static_cast<float>(1 / (1 - std::pow(op.beta2, step))),
                             .keep = static_cast<float>(1 - op.rate * op.decay),
                             .rate = static_cast<float>(op.rate),
                             .epsilon = static_cast<float>(op.epsilon)};
  kernels_.adamw(factors, count, HostMemory::floats(op.gradients) + begin, HostMemory::floats(op.weights) + begin,
                 first, second);
}

void VectorTrainer::token_loss(const TokenLoss& op) {
  const int64_t width = op.logits_RV.width;
  const auto rows = static_cast<size_t>(op.logits_RV.rows);
  CHECK(op.targets.size() == rows && op.losses.size() == rows && (op.weights.empty() || op.weights.size() == rows));
  pool_.parallel_for(op.logits_RV.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const auto at = static_cast<size_t>(row);
      float* logits = HostMemory::row(op.logits_RV, row);
      const int32_t target = op.targets[at];
      CHECK(target == kNoTarget || (target >= 0 && target < width));
      float largest = 0;
      const double sum = kernels_.exponential_sum(logits, width, &largest);
      const double loss = target == kNoTarget ? 0 : static_cast<double>(largest) - logits[target] + std::log(sum);
      op.losses[at] = loss;
      if (op.weights.empty()) continue;
      const float weight = target == kNoTarget ? 0 : op.weights[at];
      if (weight == 0) {
        std::fill(logits, logits + width, 0.0f);
        continue;
      }
      kernels_.scaled_exponential(logits, width, largest, static_cast<float>(weight / sum));
      logits[target] -= weight;
    }
  });
}

// Of one row. The kept logits are taken out, so that the tail is summed by itself and its gradient is one product.
void VectorTrainer::distilled_row(const DistilledLoss& op, int64_t row) {
  const int64_t width = op.hard.logits_RV.width;
  const auto at = static_cast<size_t>(row), kept = static_cast<size_t>(op.kept);
  const auto ids = op.ids.subspan(at * kept, kept);
  float* logits = HostMemory::row(op.hard.logits_RV, row);
  const int32_t target = op.hard.targets[at];
  CHECK(target == kNoTarget || (target >= 0 && target < width));
  const float target_logit = target == kNoTarget ? 0 : logits[target];
  std::vector<float> taken;
  LogSum all;
  for (const int32_t id : ids) {
    taken.push_back(logits[id]);
    all.add(logits[id]);
  }
  std::vector<double> student(taken.begin(), taken.end());
  for (const int32_t id : ids) logits[id] = -std::numeric_limits<float>::infinity();
  float largest = 0;
  const double sum = op.kept == width ? 0 : kernels_.exponential_sum(logits, width, &largest);
  student.push_back(sum > 0 ? largest + std::log(sum) : LogSum::kNothing);
  all.add(student.back());
  const double log_sum = all.value();
  for (double& each : student) each -= log_sum;
  const TeacherBuckets buckets(std::move(student), op.logprobs.subspan(at * kept, kept), op.tails[at], op.temperature);
  op.hard.losses[at] = target == kNoTarget ? 0 : log_sum - target_logit;
  op.divergences[at] = target == kNoTarget ? 0 : buckets.divergence();
  if (op.hard.weights.empty()) {
    for (size_t index = 0; index < kept; ++index) logits[ids[index]] = taken[index];
    return;
  }
  const double weight = target == kNoTarget ? 0 : op.hard.weights[at];
  if (weight == 0) {
    std::fill(logits, logits + width, 0.0f);
    return;
  }
  const double alpha = op.alphas.empty() ? op.alpha : op.alphas[at], hard = weight * (1 - alpha);
  if (sum > 0) {
    // Of a token outside: its share of all, and its share of the tail, both exp(z - largest) times a number.
    const double of_tail = weight * alpha * buckets.gradient(kept) / sum;
    kernels_.scaled_exponential(logits, width, largest,
                                static_cast<float>(hard * std::exp(largest - log_sum) + of_tail));
  }
  for (size_t index = 0; index < kept; ++index)
    logits[ids[index]] =
        static_cast<float>(hard * std::exp(buckets.student(index)) + weight * alpha * buckets.gradient(index));
  logits[target] -= static_cast<float>(hard);
}

void VectorTrainer::distilled_loss(const DistilledLoss& op) {
  const auto rows = static_cast<size_t>(op.hard.logits_RV.rows), kept = rows * static_cast<size_t>(op.kept);
  CHECK(op.hard.targets.size() == rows && op.hard.losses.size() == rows);
  CHECK(op.hard.weights.empty() || op.hard.weights.size() == rows);
  CHECK(op.ids.size() == kept && op.logprobs.size() == kept && op.tails.size() == rows);
  CHECK(op.divergences.size() == rows && (op.alphas.empty() || op.alphas.size() == rows));
  pool_.parallel_for(op.hard.logits_RV.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) distilled_row(op, row);
  });
}

}  // namespace paddock::kernels
