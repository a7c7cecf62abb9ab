// SPDX-License-Identifier: Apache-2.0
#pragma once
// Options that several commands share.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/eyes.h"
#include "kernels/contracts/machine.h"
#include "tensor/kv_row.h"

namespace CLI {
class App;
}

namespace paddock::cli {

// Where weights are while the model runs: in the page cache, which is filled ahead of use; in memory of the process;
// in the page cache, which must keep them.
enum class LoadMode { kMap, kRead, kLock };

// How the model is run.
struct ModelOptions {
  std::string model;                     // path
  std::string machine;                   // empty: the environment's choice, else the best
  int threads = 0;                       // 0: one for each processor
  bool exact = false;                    // no rounded activations
  std::string cache = "f32";             // format of keys and values; cache_format() says what it means
  int64_t prefill_batch = 512;           // tokens that a step computes at most
  std::optional<uint64_t> memory_limit;  // bytes; otherwise what is available
  LoadMode load = LoadMode::kMap;
  VisionOptions vision;
  std::string adapter;       // a folder; empty: none
  size_t adapter_bytes = 0;  // that adapters may take

  tensor::KvFormat cache_format() const;
};

// How much the program tells on standard error.
struct Verbosity {
  int verbose = 0;     // 1: choices made and values inferred; 2: everything
  bool quiet = false;  // errors only

  void apply() const;
};

// The positional MODEL. `what` says what it may be, beyond a model.
void add_model_argument(CLI::App& command, std::string* model, bool required = true);
// --machine, --threads, --memory-limit; the other adds them too.
void add_machine_options(CLI::App& command, ModelOptions* options);
void add_model_options(CLI::App& command, ModelOptions* options);
// --speculate (engine/draft.h).
void add_speculate_option(CLI::App& command, int64_t* draft_tokens);
// --adapter, for commands that run one.
void add_adapter_option(CLI::App& command, ModelOptions* options);
void add_verbosity(CLI::App& command, Verbosity* verbosity);

// The option, else PADDOCK_MACHINE, else the best; an unknown name is an error that lists the known.
Result<std::unique_ptr<kernels::Machine>> choose_machine(const ModelOptions& options);

}  // namespace paddock::cli
