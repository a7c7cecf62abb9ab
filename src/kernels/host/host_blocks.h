// SPDX-License-Identifier: Apache-2.0
#pragma once
// Blocks of sixteen rows in the host's memory.

#include "kernels/contracts/blocks.h"
#include "kernels/host/host_memory.h"

namespace paddock::kernels {

// [width][kBlockRows]
inline float* block_at(const Blocks& x, int64_t block) {
  return HostMemory::floats(x.address) + block * x.width * kBlockRows;
}

}  // namespace paddock::kernels
