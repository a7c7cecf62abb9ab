// SPDX-License-Identifier: Apache-2.0
#pragma once
// dtable[v] += sum over t with token[t] = v of dx[t]

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct EmbedBackward {
  Rows dx_TD;
  std::span<const int32_t> tokens;  // [T]
  Rows dtable_VD;
};

}  // namespace paddock::kernels
