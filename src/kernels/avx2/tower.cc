// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/lanes.h"
#include "kernels/vector/tower_loops.h"

namespace paddock::kernels::avx2 {
namespace {
using Loops = TowerLoops<Lanes, 6, 1, 4>;  // 12 of 16 registers hold sums
}

const TowerKernels kTowerKernels = {.name = "AVX2 float32",
                                    .layer_norm = Loops::layer_norm,
                                    .packed_bytes = nullptr,
                                    .pack = nullptr,
                                    .linear_scratch = sizeof(Loops::LinearScratch),
                                    .linear = Loops::linear,
                                    .attend_scratch = Loops::attend_scratch,
                                    .attend = Loops::attend};

}  // namespace paddock::kernels::avx2
