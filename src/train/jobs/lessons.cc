// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/lessons.h"

#include <algorithm>

namespace paddock::train {

namespace {

void add_tokens(const std::vector<std::vector<int64_t>>& part, std::vector<std::vector<int64_t>>* sum) {
  sum->resize(std::max(sum->size(), part.size()));
  for (size_t layer = 0; layer < part.size(); ++layer) {
    (*sum)[layer].resize(part[layer].size());
    for (size_t expert = 0; expert < part[layer].size(); ++expert) (*sum)[layer][expert] += part[layer][expert];
  }
}

}  // namespace

void add_lesson(LessonResult part, LessonResult* sum) {
  sum->loss += part.loss;
  sum->cross_entropy += part.cross_entropy;
  sum->divergence += part.divergence;
  sum->balance += part.balance;
  sum->z += part.z;
  sum->preferred += part.preferred;
  sum->targets += part.targets;
  sum->tokens += part.tokens;
  add_tokens(part.tokens_per_expert, &sum->tokens_per_expert);
  for (Batch& batch : part.batches) sum->batches.push_back(std::move(batch));
}

void add_result(const PassResult& result, const Batch& batch, const BatchShare& share, LessonResult* sum) {
  add_lesson({.cross_entropy = share.targets * result.cross_entropy,
              .divergence = share.targets * result.divergence,
              .balance = share.batches * result.balance,
              .z = share.batches * result.z,
              .targets = result.targets,
              .tokens = batch.count(),
              .tokens_per_expert = result.tokens_per_expert},
             sum);
}

int64_t count_steps(Packer* packer, int64_t batches_of_a_step) {
  DataPosition position;
  int64_t batches = 0;
  for (; position.epoch == 0 && position.next < packer->documents(); ++batches) packer->next(&position);
  return std::max<int64_t>(1, (batches + batches_of_a_step - 1) / batches_of_a_step);
}

}  // namespace paddock::train
