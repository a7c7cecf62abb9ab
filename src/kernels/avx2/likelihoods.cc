// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/lanes.h"
#include "kernels/vector/likelihood_loops.h"

namespace paddock::kernels::avx2 {

const LikelihoodKernels kLikelihoodKernels = {"AVX2", LikelihoodLoops<Lanes>::lane_maxima,
                                              LikelihoodLoops<Lanes>::weigh, LikelihoodLoops<Lanes>::block_sums,
                                              LikelihoodLoops<Lanes>::find};

}  // namespace paddock::kernels::avx2
