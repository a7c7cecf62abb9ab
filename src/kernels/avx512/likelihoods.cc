// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/lanes.h"
#include "kernels/vector/likelihood_loops.h"

namespace paddock::kernels::avx512 {

const LikelihoodKernels kLikelihoodKernels = {"AVX-512", LikelihoodLoops<Lanes>::lane_maxima,
                                              LikelihoodLoops<Lanes>::weigh, LikelihoodLoops<Lanes>::block_sums,
                                              LikelihoodLoops<Lanes>::find};

}  // namespace paddock::kernels::avx512
