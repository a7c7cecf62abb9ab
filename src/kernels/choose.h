// SPDX-License-Identifier: Apache-2.0
#pragma once
// The choice of a machine, once, at start.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/contracts/machine.h"
#include "kernels/contracts/training/trainer.h"

namespace paddock::kernels {

// Names that make_machine takes, best first, of machines that this processor can run.
std::vector<std::string> available_machines();

// `name` empty or "auto": the best available. `threads` 0: one for each processor. An unknown name is an error that
// lists the known. `exact`: activations stay float32 in products with quantised weights too.
Result<std::unique_ptr<Machine>> make_machine(std::string_view name, int threads, bool exact = false);

// What trains beside a machine of that name: takes the same names.
Result<std::unique_ptr<Trainer>> make_trainer(std::string_view name, int threads);

}  // namespace paddock::kernels
