// SPDX-License-Identifier: Apache-2.0
#include "kernels/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "base/memory_policy.h"
#include "base/topology.h"
#include "kernels/contracts/likelihoods.h"
#include "kernels/cpu/features.h"
#include "kernels/reference/machine.h"
#include "kernels/reference/training/trainer.h"
#include "kernels/vector/likelihood_kernels.h"
#include "kernels/vector/machine.h"
#include "kernels/vector/trainer.h"

namespace paddock::kernels {
namespace {

struct Choice {
  const char* name;
  bool available;
  std::optional<Target> target;  // none: the reference
};

// Slowest first.
std::vector<Choice> choices() {
  const CpuFeatures& cpu = cpu_features();
  return {
      {"reference", true, {}},
      {"avx2", cpu.avx2,
       Target{"avx2",
              &avx2::kFloatKernels,
              &avx2::kAttendKernels,
              &avx2::kRowKernels,
              &avx2::kTowerKernels,
              {avx2::product_kernel, avx2::product_kernel, avx2::product_kernel}}},
      {"avxvnni", cpu.avx_vnni,
       Target{"avxvnni",
              &avx2::kFloatKernels,
              &avx2::kAttendKernels,
              &avx2::kRowKernels,
              &avx2::kTowerKernels,
              {avx2::vnni_product_kernel, avx2::fine_vnni_product_kernel, avx2::fine_vnni_product_kernel}}},
      {"avx512", cpu.avx512,
       Target{"avx512",
              &avx512::kFloatKernels,
              &avx512::kAttendKernels,
              &avx512::kRowKernels,
              &avx512::kTowerKernels,
              {avx512::product_kernel, avx512::fine_product_kernel, avx512::fine_product_kernel}}},
      {"amx", cpu.avx512 && cpu.avx512_bf16 && cpu.amx_int8 && cpu.amx_bf16,
       Target{"amx",
              &avx512::kFloatKernels,
              &avx512::kAttendKernels,
              &avx512::kRowKernels,
              &amx::kTowerKernels,
              {amx::product_kernel, amx::product_kernel, amx::head_kernel}}},
  };
}

// Before any thread is started or weight is read, because both inherit it.
void place_memory(int threads) {
  const std::vector<Processor> processors = read_topology("/sys", allowed_processors());
  const std::vector<int> nodes = memory_nodes("/sys", processors, place_threads(processors, threads));
  if (nodes.size() < 2) return;
  log_info("memory of nodes {}: {}", fmt::join(nodes, ", "),
           interleave_memory(nodes) ? "used in turns" : "cannot be used in turns, the system refuses");
}

}  // namespace

std::vector<std::string> available_machines() {
  std::vector<std::string> names;
  for (const Choice& choice : choices())
    if (choice.available) names.push_back(choice.name);
  return names;
}

Result<std::unique_ptr<Machine>> make_machine(std::string_view name, int threads, bool exact) {
  if (threads < 0 || threads > 1024)
    return error(ErrorCode::kInvalidArgument, "threads: expected 0 (all processors) to 1024, found {}", threads);
  const std::vector<std::string> available = available_machines();
  const std::string wanted(name.empty() || name == "auto" ? available.back() : name);
  const std::vector<Choice> all = choices();
  const auto choice = std::find_if(all.begin(), all.end(), [&](const Choice& one) { return one.name == wanted; });
  if (choice == all.end() || !choice->available)
    return error(ErrorCode::kInvalidArgument, "machine: expected auto or one of {}, found \"{}\"{}",
                 fmt::join(available, ", "), name, choice == all.end() ? "" : ", which this processor does not have");
  place_memory(threads);
  if (!choice->target) return std::make_unique<ReferenceMachine>(threads);
  return std::make_unique<VectorMachine>(*choice->target, threads, exact);
}

Result<std::unique_ptr<Trainer>> make_trainer(std::string_view name, int threads) {
  const std::vector<std::string> available = available_machines();
  const std::string wanted(name.empty() || name == "auto" ? available.back() : name);
  if (std::ranges::find(available, wanted) == available.end())
    return error(ErrorCode::kInvalidArgument, "machine: expected auto or one of {}, found \"{}\"",
                 fmt::join(available, ", "), name);
  if (wanted == "avx2" || wanted == "avxvnni")
    return std::make_unique<VectorTrainer>("avx2", avx2::kTrainingKernels, nullptr, threads);
  if (wanted == "avx512") return std::make_unique<VectorTrainer>("avx512", avx512::kTrainingKernels, nullptr, threads);
  if (wanted == "amx")
    return std::make_unique<VectorTrainer>("amx", avx512::kTrainingKernels, &amx::kRoundedProducts, threads);
  return std::make_unique<ReferenceTrainer>(threads);
}

// Not a part of the machine, because nobody can tell them apart by what they give.
const LikelihoodKernels& likelihood_kernels() {
  const CpuFeatures& cpu = cpu_features();
  return cpu.avx512 ? avx512::kLikelihoodKernels : cpu.avx2 ? avx2::kLikelihoodKernels : reference::kLikelihoodKernels;
}

}  // namespace paddock::kernels
