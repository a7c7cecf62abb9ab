// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tables of likelihoods (kernels/contracts/likelihoods.h) for registers of each width.

#include "kernels/contracts/likelihoods.h"

namespace paddock::kernels {

// Call only where the processor has the feature.
namespace avx2 {
extern const LikelihoodKernels kLikelihoodKernels;
}
namespace avx512 {
extern const LikelihoodKernels kLikelihoodKernels;
}

}  // namespace paddock::kernels
