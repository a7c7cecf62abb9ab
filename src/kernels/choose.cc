// SPDX-License-Identifier: Apache-2.0
#include "kernels/choose.h"

#include <algorithm>

#include "kernels/cpu/features.h"
#include "kernels/reference/machine.h"
#include "kernels/vector/machine.h"

namespace paddock::kernels {

// Slowest first.
std::vector<std::string> available_machines() {
  std::vector<std::string> names = {"reference"};
  if (cpu_features().avx2) names.push_back("avx2");
  if (cpu_features().avx512) names.push_back("avx512");
  return names;
}

Result<std::unique_ptr<Machine>> make_machine(std::string_view name, int threads) {
  if (threads < 0 || threads > 1024)
    return error(ErrorCode::kInvalidArgument, "threads: expected 0 (all processors) to 1024, found {}", threads);
  const std::vector<std::string> available = available_machines();
  const std::string wanted(name.empty() || name == "auto" ? available.back() : name);
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    std::string known;
    for (const std::string& machine : available) known += (known.empty() ? "" : ", ") + machine;
    return error(ErrorCode::kInvalidArgument, "machine: expected auto or one of {}, found \"{}\"{}", known, name,
                 name == "avx2" || name == "avx512" ? ", which this processor does not have" : "");
  }
  if (wanted == "avx2") return std::make_unique<VectorMachine>(wanted, avx2::kFloatKernels, threads);
  if (wanted == "avx512") return std::make_unique<VectorMachine>(wanted, avx512::kFloatKernels, threads);
  return std::make_unique<ReferenceMachine>(threads);
}

}  // namespace paddock::kernels
