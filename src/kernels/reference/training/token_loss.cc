// SPDX-License-Identifier: Apache-2.0
// loss = logsumexp(z) - z[target], its divergence from a teacher's best tokens, and dz
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/teacher_buckets.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {
namespace {

double log_sum_of(const float* logits, int64_t count) {
  LogSum sum;
  for (int64_t index = 0; index < count; ++index) sum.add(logits[index]);
  return sum.value();
}

TeacherBuckets buckets_of(const DistilledLoss& op, int64_t row, const float* logits, double log_sum) {
  const auto kept = static_cast<size_t>(op.kept), first = static_cast<size_t>(row) * kept;
  const auto ids = op.ids.subspan(first, kept);
  std::vector<bool> is_kept(static_cast<size_t>(op.hard.logits_RV.width));
  std::vector<double> student;
  for (const int32_t id : ids) {
    is_kept[static_cast<size_t>(id)] = true;
    student.push_back(logits[id] - log_sum);
  }
  // Summed by itself: one less the others' sum would cancel.
  LogSum tail;
  for (int64_t token = 0; token < op.hard.logits_RV.width; ++token)
    if (!is_kept[static_cast<size_t>(token)]) tail.add(logits[token]);
  student.push_back(tail.value() - log_sum);
  return {std::move(student), op.logprobs.subspan(first, kept), op.tails[static_cast<size_t>(row)], op.temperature};
}

void hard_gradient(const TokenLoss& op, int64_t row, double log_sum, float* logits) {
  const int32_t target = op.targets[static_cast<size_t>(row)];
  const double weight = target == kNoTarget ? 0 : op.weights[static_cast<size_t>(row)];
  for (int64_t token = 0; token < op.logits_RV.width; ++token)
    logits[token] =
        static_cast<float>(weight == 0 ? 0 : weight * (std::exp(logits[token] - log_sum) - (token == target ? 1 : 0)));
}

void distilled_gradient(const DistilledLoss& op, int64_t row, const TeacherBuckets& buckets, double log_sum,
                        float* logits) {
  const int32_t target = op.hard.targets[static_cast<size_t>(row)];
  const double weight = target == kNoTarget ? 0 : op.hard.weights[static_cast<size_t>(row)];
  const double alpha = op.alphas.empty() ? op.alpha : op.alphas[static_cast<size_t>(row)];
  const auto kept = static_cast<size_t>(op.kept);
  const double of_tail = alpha * buckets.gradient(kept);
  std::vector<double> gradient(static_cast<size_t>(op.hard.logits_RV.width));
  for (size_t token = 0; token < gradient.size(); ++token) {
    const double log_share = logits[token] - log_sum;
    gradient[token] = (1 - alpha) * (std::exp(log_share) - (static_cast<int32_t>(token) == target ? 1 : 0));
    gradient[token] += of_tail * std::exp(log_share - buckets.student(kept));
  }
  for (size_t index = 0; index < kept; ++index) {
    const int32_t id = op.ids[static_cast<size_t>(row) * kept + index];
    const double share = std::exp(logits[id] - log_sum);
    gradient[static_cast<size_t>(id)] =
        (1 - alpha) * (share - (id == target ? 1 : 0)) + alpha * buckets.gradient(index);
  }
  for (size_t token = 0; token < gradient.size(); ++token)
    logits[token] = static_cast<float>(weight == 0 ? 0 : weight * gradient[token]);
}

void check_rows(const TokenLoss& op) {
  const auto rows = static_cast<size_t>(op.logits_RV.rows);
  CHECK(op.targets.size() == rows && op.losses.size() == rows && (op.weights.empty() || op.weights.size() == rows));
}

// Of one row; returns logsumexp.
double hard_loss(const TokenLoss& op, int64_t row, const float* logits) {
  const double log_sum = log_sum_of(logits, op.logits_RV.width);
  const int32_t target = op.targets[static_cast<size_t>(row)];
  CHECK(target == kNoTarget || (target >= 0 && target < op.logits_RV.width));
  op.losses[static_cast<size_t>(row)] = target == kNoTarget ? 0 : log_sum - logits[target];
  return log_sum;
}

}  // namespace

void ReferenceTrainer::token_loss(const TokenLoss& op) {
  check_rows(op);
  pool_.parallel_for(op.logits_RV.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* logits = HostMemory::row(op.logits_RV, row);
      const double log_sum = hard_loss(op, row, logits);
      if (!op.weights.empty()) hard_gradient(op, row, log_sum, logits);
    }
  });
}

void ReferenceTrainer::distilled_loss(const DistilledLoss& op) {
  check_rows(op.hard);
  const auto rows = static_cast<size_t>(op.hard.logits_RV.rows), kept = rows * static_cast<size_t>(op.kept);
  CHECK(op.ids.size() == kept && op.logprobs.size() == kept && op.tails.size() == rows);
  CHECK(op.divergences.size() == rows && (op.alphas.empty() || op.alphas.size() == rows));
  pool_.parallel_for(op.hard.logits_RV.rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float* logits = HostMemory::row(op.hard.logits_RV, row);
      const double log_sum = hard_loss(op.hard, row, logits);
      const TeacherBuckets buckets = buckets_of(op, row, logits, log_sum);
      const bool counts = op.hard.targets[static_cast<size_t>(row)] != kNoTarget;
      op.divergences[static_cast<size_t>(row)] = counts ? buckets.divergence() : 0;
      if (!op.hard.weights.empty()) distilled_gradient(op, row, buckets, log_sum, logits);
    }
  });
}

}  // namespace paddock::kernels
