// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a model in training says, by the arithmetic of training itself.

#include <cstdint>
#include <span>
#include <vector>

#include "train/pass.h"

namespace paddock::train {

// The likeliest tokens after `prompt`, up to `most` of them or one of `stop`, which is not among them. Every token
// costs a pass over all before it: for a few, to look at. Not more than `room` tokens, the pass's own.
std::vector<int32_t> say(Pass* pass, std::span<const int32_t> prompt, int64_t most, int64_t room,
                         std::span<const int32_t> stop, kernels::Machine* machine);

}  // namespace paddock::train
