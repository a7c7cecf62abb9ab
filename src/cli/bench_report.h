// SPDX-License-Identifier: Apache-2.0
#pragma once
// Speeds beside the machine's limits, for people and for programs.

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/speed.h"
#include "kernels/limits/limits.h"

namespace paddock::cli {

using ProfileSeconds = std::map<std::string, std::map<std::string, double>>;

struct BenchRun {
  engine::SpeedResult result;
  ProfileSeconds profile;  // empty unless asked for
};

struct Bench {
  std::string machine;                       // the processor
  std::string path;                          // the machine choice; empty when no model was run
  std::map<std::string, std::string> paths;  // by weight format
  kernels::MachineLimits limits;
  std::vector<BenchRun> runs;
};

// Of some seconds, the share that the machine could not have done without: bytes at its best read bandwidth or
// operations at their best peak, whichever takes longer. Missing where it has no peak for an arithmetic that was used.
std::optional<double> fraction_of_limit(const engine::SpeedResult& result, const kernels::MachineLimits& limits);

std::string limits_text(const Bench& bench);
// "prefill of 512 at 4096": for people, while it runs.
std::string case_name(const engine::SpeedCase& of);
// One line of the table, and its profile where there is one. The table's head is run_head().
std::string run_head();
std::string run_text(const BenchRun& run, const kernels::MachineLimits& limits);

Json bench_json(const Bench& bench);

}  // namespace paddock::cli
