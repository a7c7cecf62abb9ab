// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/lanes.h"
#include "kernels/vector/training_loops.h"

namespace paddock::kernels::avx2 {

const TrainingKernels kTrainingKernels = TrainingLoops<Lanes, 6, 2, 384>::kernels("AVX2 float32");

}  // namespace paddock::kernels::avx2
