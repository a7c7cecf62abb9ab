// SPDX-License-Identifier: Apache-2.0
#include "kernels/choose.h"

#include "kernels/reference/machine.h"

namespace paddock::kernels {

std::vector<std::string> available_machines() { return {"reference"}; }

Result<std::unique_ptr<Machine>> make_machine(std::string_view name, int threads) {
  if (threads < 0 || threads > 1024)
    return error(ErrorCode::kInvalidArgument, "threads: expected 0 (all processors) to 1024, found {}", threads);
  if (name.empty() || name == "auto" || name == "reference") return std::make_unique<ReferenceMachine>(threads);
  std::string known;
  for (const std::string& machine : available_machines()) known += (known.empty() ? "" : ", ") + machine;
  return error(ErrorCode::kInvalidArgument, "machine: expected auto or one of {}, found \"{}\"", known, name);
}

}  // namespace paddock::kernels
