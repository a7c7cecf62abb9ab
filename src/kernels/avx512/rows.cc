// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/lanes.h"
#include "kernels/vector/row_loops.h"

namespace paddock::kernels::avx512 {

const RowKernels kRowKernels = {"AVX-512", RowLoops<Lanes>::rms_norm, RowLoops<Lanes>::head_norm,
                                RowLoops<Lanes>::silu_multiply, RowLoops<Lanes>::rotate};

}  // namespace paddock::kernels::avx512
