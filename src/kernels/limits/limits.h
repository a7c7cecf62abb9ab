// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this machine can do at most, measured: the figures beside which a speed means something.

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace paddock::kernels {

// Operations a second, a multiplication and an addition counting as two, in units of 1e9.
struct ArithmeticPeak {
  double gop_s = 0;
  std::string by;  // the instructions: "AMX int8"
};

// On `threads` threads, each the best of several rounds: what a busy neighbour takes is not the machine's limit.
struct MachineLimits {
  int threads = 1;
  std::vector<double> read_gb_s;           // 1e9 bytes a second read from memory by 1, 2, ... `threads` threads
  ArithmeticPeak f32;                      // FMA; plain SSE2 where there is none
  std::vector<ArithmeticPeak> int8, bf16;  // slowest first; empty where no instruction of ours has it

  double best_read_gb_s() const;
  static std::optional<double> best(const std::vector<ArithmeticPeak>& peaks);
};

// Takes about two seconds and, for as long, 512 MiB of memory (or an error when there is not so much).
Result<MachineLimits> measure_limits(int threads);

}  // namespace paddock::kernels
