// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this process takes of the machine's memory, as the operating system counts it.

#include <cstddef>

namespace paddock {

struct ProcessMemory {
  size_t resident = 0;  // bytes in memory now
  size_t mapped = 0;    // of these, pages of files: code, and what was read of mapped weights
  size_t peak = 0;      // the most that was ever resident
};

// All zero where the system does not tell.
ProcessMemory process_memory();

// The most is counted anew from now on, where the system can.
void forget_peak_memory();

}  // namespace paddock
