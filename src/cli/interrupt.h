// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ctrl-C as a question that loops ask, instead of the end of the program.

namespace paddock::cli {

enum class SecondInterrupt { kEndsProgram, kIsTheSame };

// While it lives, SIGINT is remembered. At most one at a time.
class InterruptWatch {
 public:
  explicit InterruptWatch(SecondInterrupt second);
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  bool interrupted() const;
  void reset();
};

}  // namespace paddock::cli
