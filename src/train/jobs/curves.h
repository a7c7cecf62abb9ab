// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the log of a job says, as curves over its steps.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/jobs/chart.h"

namespace paddock::train {

// Panels of losses, gradient norm, rate, tokens a second and, where there are any, of how evenly experts are used.
// Lines that are no events are left out; a log without steps is an error.
Result<std::vector<Panel>> read_curves(const std::filesystem::path& log);

}  // namespace paddock::train
