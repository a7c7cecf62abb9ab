// SPDX-License-Identifier: Apache-2.0
#pragma once
// How strongly the neurons of a model's MLPs answer on a text.

#include <string>
#include <vector>

#include "base/result.h"

namespace paddock::cli {

// [L][F]: the root of the mean square of silu(gate x) * (up x) over the file's tokens, up to kMostTokens of them from
// its beginning, in pieces of kPiece. Loads the model beside what the caller holds.
inline constexpr int64_t kMostTokens = 8192, kPiece = 512;
Result<std::vector<std::vector<float>>> measure_neuron_use(const std::string& model, const std::string& text_file);

}  // namespace paddock::cli
