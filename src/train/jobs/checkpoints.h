// SPDX-License-Identifier: Apache-2.0
#pragma once
// All that a job has become so far, on disk: whole or not at all, and checked when it is read.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/data/packer.h"
#include "train/optimiser.h"

namespace paddock::train {

// Beside the numbers.
struct JobState {
  int64_t step = 0;
  int64_t optimiser_steps = 0;  // fewer where steps were left out
  DataPosition position;
  double running_loss = 0;                      // what a spike is compared with; 0: none yet
  bool is_evaluated = false;                    // at this step
  std::optional<double> held_out;               // what the evaluation found
  std::vector<std::vector<float>> choice_bias;  // [L][E] of experts; empty where none is used
};

// Folders step-000000100 of weights.bin, what the optimiser keeps in files like it, and state.json with their digests.
class Checkpoints {
 public:
  // Of a folder that is made when the first is written.
  Checkpoints(std::filesystem::path folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {}

  // The oldest go when more than `keep` are there; the one with the least held-out loss stays. After an error the
  // others are as they were.
  Result<void> write(const JobState& state, const Workbench& bench, const Optimiser& optimiser) const;

  // The newest that is whole, into workbench and optimiser; kNotFound where there is none. Hears of those that are not.
  Result<JobState> read_newest(const Workbench& bench, Optimiser* optimiser,
                               const std::function<void(const std::string&)>& broken) const;

  // The weights of the one with the least held-out loss into the workbench. None: nothing is changed.
  Result<std::optional<int64_t>> read_best(const Workbench& bench) const;

  std::vector<int64_t> steps() const;  // oldest first

 private:
  struct Summary {
    JobState state;
    std::map<std::string, std::string> digests;  // by part
  };

  std::filesystem::path folder_of(int64_t step) const;
  Result<Summary> read_summary(int64_t step) const;
  Result<void> read_numbers(const Summary& summary, const Workbench& bench, Optimiser* optimiser) const;
  std::optional<int64_t> best() const;
  void remove_old() const;

  std::filesystem::path folder_;
  int64_t keep_;
};

}  // namespace paddock::train
