// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which model it is whose keys and values are kept.

#include "base/digest.h"
#include "checkpoint/checkpoint.h"
#include "kernels/contracts/machine.h"
#include "llama4/config.h"

namespace paddock::llama4 {

// Of what the bits of keys and values depend on, beside the form of the cache: the weights, what the configuration says
// of them, and the arithmetic of the machine. Of each tensor it reads 256 bytes, so that a checkpoint of any size takes
// a moment; weights that were trained on differ in them.
Digest identity_of(const checkpoint::Checkpoint& checkpoint, const Config& config, const kernels::Machine& machine);

}  // namespace paddock::llama4
