// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/lanes.h"
#include "kernels/vector/tower_loops.h"

namespace paddock::kernels::avx512 {
namespace {
using Loops = TowerLoops<Lanes, 8, 3, 8>;  // 24 of 32 registers hold sums
}

const TowerKernels kTowerKernels = {.name = "AVX-512 float32",
                                    .layer_norm = Loops::layer_norm,
                                    .packed_bytes = nullptr,
                                    .pack = nullptr,
                                    .linear_scratch = sizeof(Loops::LinearScratch),
                                    .linear = Loops::linear,
                                    .attend_scratch = Loops::attend_scratch,
                                    .attend = Loops::attend};

}  // namespace paddock::kernels::avx512
