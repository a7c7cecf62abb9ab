// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which processors share what, from the system's own description.

#include <filesystem>
#include <vector>

namespace paddock {

// A logical processor. Processors of one core share its arithmetic; those of one node its memory.
struct Processor {
  int id = 0;
  int core = 0;  // the lowest processor of the core
  int node = 0;
};

// The processors that this process may use, in order of id. `system` is where sysfs is mounted, so that tests can
// describe other machines; what is missing there is taken as a core of its own on node 0.
std::vector<Processor> read_topology(const std::filesystem::path& system, const std::vector<int>& allowed);
std::vector<int> allowed_processors();

// Where `threads` threads run best: one a physical core, node after node in turns so that all memories work, and only
// then the other processors of the cores. 0: as many as there are physical cores. More threads than processors go round
// again.
std::vector<int> place_threads(const std::vector<Processor>& processors, int threads);

// The nodes that have memory of their own among those that threads at these places run on, in order. Weights are read
// by all threads, so that they lie best spread over these; fewer than two: there is nothing to choose.
std::vector<int> memory_nodes(const std::filesystem::path& system, const std::vector<Processor>& processors,
                              const std::vector<int>& places);

}  // namespace paddock
