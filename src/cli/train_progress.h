// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a job goes, on a terminal.

#include "cli/console.h"
#include "train/jobs/job.h"

namespace paddock::cli {

class TrainProgress : public train::JobListener {
 public:
  // `limit_gflop_s`: what the machine can do; 0: not measured.
  TrainProgress(double limit_gflop_s, bool quiet) : limit_(limit_gflop_s), quiet_(quiet) {}

  void note(const std::string& sentence) override;
  void read_data(int64_t bytes, int64_t of) override;
  void stepped(const train::StepReport& report) override;
  void evaluated(const train::EvaluationReport& report) override;
  void saved(int64_t step) override;

 private:
  double limit_;
  bool quiet_;
  std::optional<Progress> reading_;
  Stopwatch since_line_;
  int64_t told_ = 0;  // lines of steps
};

}  // namespace paddock::cli
