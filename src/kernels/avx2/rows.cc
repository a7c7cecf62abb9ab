// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/lanes.h"
#include "kernels/vector/row_loops.h"

namespace paddock::kernels::avx2 {

const RowKernels kRowKernels = {"AVX2", RowLoops<Lanes>::rms_norm, RowLoops<Lanes>::head_norm,
                                RowLoops<Lanes>::silu_multiply, RowLoops<Lanes>::rotate};

}  // namespace paddock::kernels::avx2
