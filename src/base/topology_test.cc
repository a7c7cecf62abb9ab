// SPDX-License-Identifier: Apache-2.0
#include "base/topology.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <string>

#include "base/memory_policy.h"

namespace paddock {
namespace {

// A description of a machine in a folder, as the system would give it.
class FakedMachine {
 public:
  explicit FakedMachine(const std::string& name) : root_(testing::TempDir() + "topology_" + name) {
    std::filesystem::remove_all(root_);
  }
  ~FakedMachine() { std::filesystem::remove_all(root_); }

  void processor(int id, const std::string& siblings) {
    write("devices/system/cpu/cpu" + std::to_string(id) + "/topology/thread_siblings_list", siblings);
  }
  void node(int id, const std::string& processors) {
    write("devices/system/node/node" + std::to_string(id) + "/cpulist", processors);
  }
  void nodes(const std::string& list) { write("devices/system/node/online", list); }
  void nodes_with_memory(const std::string& list) { write("devices/system/node/has_memory", list); }
  const std::filesystem::path& root() const { return root_; }

 private:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << "\n";
  }
  std::filesystem::path root_;
};

std::vector<int> count(int processors) {
  std::vector<int> ids(static_cast<size_t>(processors));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

TEST(Topology, OneThreadACoreBeforeItsSecondProcessor) {
  FakedMachine machine("smt");
  for (int id = 0; id < 4; ++id) machine.processor(id, std::to_string(id % 2) + "," + std::to_string(id % 2 + 2));
  const auto processors = read_topology(machine.root(), count(4));
  EXPECT_EQ(place_threads(processors, 0), (std::vector<int>{0, 1}));
  EXPECT_EQ(place_threads(processors, 3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(place_threads(processors, 5), (std::vector<int>{0, 1, 2, 3, 0}));
}

TEST(Topology, NodesTakeTurns) {
  FakedMachine machine("numa");
  machine.nodes("0-1");
  machine.node(0, "0-3,8-11");
  machine.node(1, "4-7,12-15");
  for (int id = 0; id < 16; ++id) machine.processor(id, std::to_string(id % 8) + "," + std::to_string(id % 8 + 8));
  const auto processors = read_topology(machine.root(), count(16));
  EXPECT_EQ(processors[12].node, 1);
  EXPECT_EQ(processors[12].core, 4);
  EXPECT_EQ(place_threads(processors, 0), (std::vector<int>{0, 4, 1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(place_threads(processors, 10), (std::vector<int>{0, 4, 1, 5, 2, 6, 3, 7, 8, 12}));
}

TEST(Topology, MemoryIsSpreadOverTheNodesThatThreadsRunOn) {
  FakedMachine machine("memory");
  machine.nodes("0-3");
  for (int node = 0; node < 4; ++node)
    machine.node(node, std::to_string(2 * node) + "-" + std::to_string(2 * node + 1));
  machine.nodes_with_memory("0,2-3");  // node 1 has processors alone
  const auto processors = read_topology(machine.root(), count(8));
  const auto nodes = [&](int threads) {
    return memory_nodes(machine.root(), processors, place_threads(processors, threads));
  };
  EXPECT_EQ(nodes(0), (std::vector<int>{0, 2, 3}));
  EXPECT_EQ(nodes(1), (std::vector<int>{0}));
  EXPECT_EQ(nodes(2), (std::vector<int>{0}));
  EXPECT_EQ(nodes(3), (std::vector<int>{0, 2}));
  const auto of_one = read_topology(machine.root(), {6, 7});
  EXPECT_EQ(memory_nodes(machine.root(), of_one, place_threads(of_one, 0)), (std::vector<int>{3}));
}

TEST(Topology, OneNodeOrNoneKnownLeavesNothingToChoose) {
  FakedMachine machine("one_node");
  const auto processors = read_topology(machine.root(), count(4));
  EXPECT_TRUE(memory_nodes(machine.root(), processors, place_threads(processors, 0)).empty());
  machine.nodes_with_memory("0");
  EXPECT_EQ(memory_nodes(machine.root(), processors, place_threads(processors, 0)), (std::vector<int>{0}));
  EXPECT_FALSE(interleave_memory({}));
  EXPECT_FALSE(interleave_memory({0}));
}

// Of the call itself, a machine with one node can only show that it takes what the system refuses.
TEST(Topology, NodesThatTheSystemDoesNotHaveAreRefused) {
  EXPECT_FALSE(interleave_memory({1022, 1023}));
  EXPECT_FALSE(interleave_memory({0, 1024}));
  EXPECT_FALSE(interleave_memory({-1, 0}));
}

TEST(Topology, OnlyWhatTheProcessMayUse) {
  FakedMachine machine("affinity");
  machine.nodes("0");
  machine.node(0, "0-7");
  for (int id = 0; id < 8; ++id)
    machine.processor(id, std::to_string(id / 2 * 2) + "-" + std::to_string(id / 2 * 2 + 1));
  EXPECT_EQ(place_threads(read_topology(machine.root(), {3, 5, 6, 7}), 0), (std::vector<int>{3, 5, 6}));
}

TEST(Topology, WhatIsMissingOrBrokenIsACoreOfItsOwn) {
  FakedMachine machine("broken");
  machine.nodes("0-x");
  machine.processor(0, "rubbish");
  machine.processor(1, "9-2");
  const auto processors = read_topology(machine.root(), count(3));
  for (int id = 0; id < 3; ++id) {
    EXPECT_EQ(processors[static_cast<size_t>(id)].core, id);
    EXPECT_EQ(processors[static_cast<size_t>(id)].node, 0);
  }
  EXPECT_EQ(place_threads(processors, 0).size(), 3u);
}

TEST(Topology, ThisMachine) {
  const auto allowed = allowed_processors();
  ASSERT_FALSE(allowed.empty());
  const auto placed = place_threads(read_topology("/sys", allowed), 0);
  ASSERT_FALSE(placed.empty());
  EXPECT_LE(placed.size(), allowed.size());
}

}  // namespace
}  // namespace paddock
