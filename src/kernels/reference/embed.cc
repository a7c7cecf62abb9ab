// SPDX-License-Identifier: Apache-2.0
// x[t] = table[token[t]]
#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "tensor/decode.h"

namespace paddock::kernels {

void ReferenceMachine::embed(const Embed& op) {
  CHECK(op.table_VD.order == MatrixOrder::kOutputMajor && op.table_VD.scales.is_null());
  const std::byte* table = HostMemory::bytes(op.table_VD.weights);
  for (size_t token_in_step = 0; token_in_step < op.tokens.size(); ++token_in_step) {
    const int32_t token = op.tokens[token_in_step];
    CHECK(token >= 0 && token < op.table_VD.outputs);
    tensor::decode_row(op.table_VD.dtype, table + static_cast<size_t>(token) * op.table_VD.row_stride,
                       HostMemory::row(op.x_TD, static_cast<int64_t>(token_in_step)), op.table_VD.inputs);
  }
}

}  // namespace paddock::kernels
