// SPDX-License-Identifier: Apache-2.0
#include "llama4/step_cost.h"

#include <set>
#include <utility>
#include <vector>

namespace paddock::llama4 {
namespace {

double bytes_of(const kernels::Matrix& matrix) {
  // Not the stride: gate and up of fused experts share their rows.
  const bool by_output = matrix.order == kernels::MatrixOrder::kOutputMajor;
  const int64_t rows = by_output ? matrix.outputs : matrix.inputs, width = by_output ? matrix.inputs : matrix.outputs;
  return static_cast<double>(tensor::row_bytes(matrix.dtype, width)) * static_cast<double>(rows) +
         static_cast<double>(tensor::row_bytes(matrix.scale_dtype, matrix.scale_count));
}

class Counter {
 public:
  explicit Counter(const kernels::Machine& machine) : machine_(machine) {}

  void read(const kernels::Matrix& matrix) { cost_.weight_bytes += bytes_of(matrix); }
  void multiply(const kernels::Matrix& matrix, int64_t rows) {
    const auto arithmetic = static_cast<size_t>(machine_.arithmetic_of(matrix.dtype));
    cost_.operations[arithmetic] +=
        2.0 * static_cast<double>(matrix.outputs) * static_cast<double>(matrix.inputs) * static_cast<double>(rows);
  }
  void use(const kernels::Matrix& matrix, int64_t rows) {
    if (matrix.weights.is_null() || rows == 0) return;
    read(matrix);
    multiply(matrix, rows);
  }
  void use(const kernels::ExpertWeights& mlp, int64_t rows) {
    use(mlp.gate, rows);
    use(mlp.up, rows);
    use(mlp.down, rows);
  }
  // Rows at consecutive positions: the first key that any of them sees, and the pairs of query and key.
  void attend(const StepSequence& sequence, const Config& config, bool chunked, const tensor::KvFormat& cache) {
    const auto rows = static_cast<int64_t>(sequence.tokens.size());
    const auto chunk_start = [&](int64_t position) { return chunked ? position / config.chunk * config.chunk : 0; };
    int64_t pairs = 0;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t position = sequence.first_position + row;
      pairs += position + 1 - chunk_start(position);
    }
    const int64_t keys = sequence.first_position + rows - chunk_start(sequence.first_position);
    cost_.cache_bytes +=
        static_cast<double>(config.kv_heads * keys) * static_cast<double>(cache.position_bytes(config.head_width));
    cost_.operations[static_cast<size_t>(kernels::Arithmetic::kFloat32)] +=
        4.0 * static_cast<double>(pairs) * static_cast<double>(config.query_heads * config.head_width);
  }
  const StepCost& cost() const { return cost_; }

 private:
  const kernels::Machine& machine_;
  StepCost cost_;
};

}  // namespace

StepCost& StepCost::operator+=(const StepCost& other) {
  weight_bytes += other.weight_bytes;
  cache_bytes += other.cache_bytes;
  for (size_t index = 0; index < operations.size(); ++index) operations[index] += other.operations[index];
  return *this;
}

double StepCost::all_operations() const {
  double sum = 0;
  for (const double part : operations) sum += part;
  return sum;
}

void CostObserver::routed(int layer, const kernels::Routing& routing) {
  std::vector<int32_t> chosen(static_cast<size_t>(routing.tokens * routing.chosen));
  model_.machine->read(routing.experts_TK, std::as_writable_bytes(std::span(chosen)));
  const auto& experts = model_.weights.layers[static_cast<size_t>(layer)].experts;
  Counter counter(*model_.machine);
  for (const int32_t expert : std::set<int32_t>(chosen.begin(), chosen.end())) {
    const auto& weights = experts[static_cast<size_t>(expert)];
    for (const auto* matrix : {&weights.gate, &weights.up, &weights.down}) counter.read(*matrix);
  }
  for (const int32_t expert : chosen) {
    const auto& weights = experts[static_cast<size_t>(expert)];
    for (const auto* matrix : {&weights.gate, &weights.up, &weights.down}) counter.multiply(*matrix, 1);
  }
  routed_ += counter.cost();
}

StepCost CostObserver::take(const Step& step, const tensor::KvFormat& cache) {
  int64_t rows = 0;
  for (const StepSequence& sequence : step.sequences) rows += static_cast<int64_t>(sequence.tokens.size());
  Counter counter(*model_.machine);
  for (size_t index = 0; index < model_.weights.layers.size(); ++index) {
    const LayerWeights& layer = model_.weights.layers[index];
    for (const auto* matrix : {&layer.wq, &layer.wk, &layer.wv, &layer.wo, &layer.router}) counter.use(*matrix, rows);
    counter.use(layer.mlp, rows);
    for (const StepSequence& sequence : step.sequences)
      counter.attend(sequence, model_.config, model_.config.layers[index].chunked, cache);
  }
  counter.use(model_.weights.head, static_cast<int64_t>(step.logits_rows.size()));
  StepCost cost = counter.cost();
  cost.weight_bytes += static_cast<double>(rows) * static_cast<double>(model_.weights.embedding.row_stride);
  cost += std::exchange(routed_, {});
  return cost;
}

}  // namespace paddock::llama4
