// SPDX-License-Identifier: Apache-2.0
// rows[r] = gate[c] x[n];  x[n] += sum over j of gate[c] rows[r];  dgate[c] = rows[r] . x[n]
#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/training/trainer.h"

namespace paddock::kernels {

void ReferenceTrainer::dispatch(const Dispatch& op) {
  CHECK(static_cast<int64_t>(op.order.choice_of_row.size()) == op.rows_RD.rows);
  pool_.parallel_for(op.rows_RD.rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t choice = op.order.choice_of_row[static_cast<size_t>(row)];
      const float gate = op.gates_TK.is_null() ? 1.0f : HostMemory::floats(op.gates_TK)[choice];
      const float* x = HostMemory::row(op.x_TD, choice / op.order.chosen);
      float* to = HostMemory::row(op.rows_RD, row);
      for (int64_t index = 0; index < op.x_TD.width; ++index) to[index] = gate * x[index];
    }
  });
}

void ReferenceTrainer::collect(const Collect& op) {
  CHECK(static_cast<int64_t>(op.order.row_of_choice.size()) == op.x_TD.rows * op.order.chosen);
  pool_.parallel_for(op.x_TD.rows, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t token = begin; token < end; ++token) {
      float* x = HostMemory::row(op.x_TD, token);
      for (int64_t choice = token * op.order.chosen; choice < (token + 1) * op.order.chosen; ++choice) {
        const float gate = op.gates_TK.is_null() ? 1.0f : HostMemory::floats(op.gates_TK)[choice];
        const float* row = HostMemory::row(op.rows_RD, op.order.row_of_choice[static_cast<size_t>(choice)]);
        for (int64_t index = 0; index < op.x_TD.width; ++index) x[index] += gate * row[index];
      }
    }
  });
}

void ReferenceTrainer::gate_gradients(const GateGradients& op) {
  const auto choices = static_cast<int64_t>(op.order.row_of_choice.size());
  pool_.parallel_for(choices, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t choice = begin; choice < end; ++choice) {
      const float* x = HostMemory::row(op.x_TD, choice / op.order.chosen);
      const float* row = HostMemory::row(op.rows_RD, op.order.row_of_choice[static_cast<size_t>(choice)]);
      double sum = 0;
      for (int64_t index = 0; index < op.x_TD.width; ++index) sum += static_cast<double>(x[index]) * row[index];
      HostMemory::floats(op.dgates_TK)[choice] = static_cast<float>(sum);
    }
  });
}

}  // namespace paddock::kernels
