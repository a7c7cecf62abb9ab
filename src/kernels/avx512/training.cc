// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/lanes.h"
#include "kernels/vector/training_loops.h"

namespace paddock::kernels::avx512 {

const TrainingKernels kTrainingKernels = TrainingLoops<Lanes, 8, 3, 256>::kernels("AVX-512 float32");

}  // namespace paddock::kernels::avx512
