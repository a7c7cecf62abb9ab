// SPDX-License-Identifier: Apache-2.0
#pragma once
// A low-rank update as part of the weights.

#include <span>

#include "train/adapter.h"

namespace paddock::exporting {

// Adds the update, whose A and B lie in `block` (train/adapter.h has the layouts), to a matrix [out, in] or to expert
// `expert` [in, out]. Sums are taken in double and rounded once.
void add_update(const train::AdapterUpdate& update, std::span<const float> block, int64_t expert,
                std::span<float> weights);

}  // namespace paddock::exporting
