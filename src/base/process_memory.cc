// SPDX-License-Identifier: Apache-2.0
#include "base/process_memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace paddock {

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {  // "VmHWM:	    9876 kB"
    std::istringstream words(line);
    std::string name;
    size_t kibibytes = 0;
    if (!(words >> name >> kibibytes)) continue;
    if (name == "VmRSS:") memory.resident = kibibytes * 1024;
    if (name == "RssFile:") memory.mapped = kibibytes * 1024;
    if (name == "VmHWM:") memory.peak = kibibytes * 1024;
  }
  return memory;
}

// proc(5): 5 resets the high water mark.
void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace paddock
