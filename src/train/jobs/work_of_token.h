// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much arithmetic training takes.

#include "llama4/config.h"

namespace paddock::train {

// Operations that products with weights take for a token, forward and back: 2 for each weight that it meets, as many
// again for the gradient of what was read, and unless the weights are frozen for theirs. Attention to other tokens is
// not counted, nor what is computed a second time.
double operations_per_token(const llama4::Config& config, bool frozen);

}  // namespace paddock::train
