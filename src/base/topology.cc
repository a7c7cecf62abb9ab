// SPDX-License-Identifier: Apache-2.0
#include "base/topology.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace paddock {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "0-3,8" as numbers; what is not such a list is empty.
std::vector<int> parse_list(std::string_view text) {
  std::vector<int> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    int first = 0, last = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc()) return {};
    last = first;
    if (parsed.ptr != end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, last);
      if (parsed.ec != std::errc() || last < first || last - first > 1 << 16) return {};
    }
    for (int number = first; number <= last; ++number) numbers.push_back(number);
    at = parsed.ptr;
    if (at != end && *at++ != ',') return {};
  }
  return numbers;
}

std::map<int, int> node_of_processors(const std::filesystem::path& system) {
  std::map<int, int> nodes;
  const auto folder = system / "devices/system/node";
  for (const int node : parse_list(first_line(folder / "online")))
    for (const int processor : parse_list(first_line(folder / ("node" + std::to_string(node)) / "cpulist")))
      nodes[processor] = node;
  return nodes;
}

}  // namespace

std::vector<int> allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> allowed;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int processor = 0; processor < CPU_SETSIZE; ++processor)
      if (CPU_ISSET(processor, &set)) allowed.push_back(processor);
  if (allowed.empty()) allowed.push_back(0);
  return allowed;
}

std::vector<Processor> read_topology(const std::filesystem::path& system, const std::vector<int>& allowed) {
  const std::map<int, int> nodes = node_of_processors(system);
  std::vector<Processor> processors;
  for (const int id : allowed) {
    const auto folder = system / "devices/system/cpu" / ("cpu" + std::to_string(id)) / "topology";
    const std::vector<int> siblings = parse_list(first_line(folder / "thread_siblings_list"));
    const auto node = nodes.find(id);
    processors.push_back({.id = id,
                          .core = siblings.empty() ? id : *std::min_element(siblings.begin(), siblings.end()),
                          .node = node == nodes.end() ? 0 : node->second});
  }
  return processors;
}

std::vector<int> memory_nodes(const std::filesystem::path& system, const std::vector<Processor>& processors,
                              const std::vector<int>& places) {
  std::vector<int> nodes;
  for (const int node : parse_list(first_line(system / "devices/system/node/has_memory")))
    if (std::any_of(processors.begin(), processors.end(), [&](const Processor& processor) {
          return processor.node == node && std::find(places.begin(), places.end(), processor.id) != places.end();
        }))
      nodes.push_back(node);
  return nodes;
}

std::vector<int> place_threads(const std::vector<Processor>& processors, int threads) {
  // By rank inside its core, then inside its node: all first processors of cores before any second, nodes in turns.
  std::map<int, int> seen_in_core;
  std::map<std::pair<int, int>, int> seen_in_node;
  std::vector<std::tuple<int, int, int, int>> order;
  int cores = 0;
  for (const Processor& processor : processors) {
    const int in_core = seen_in_core[processor.core]++;
    const int in_node = seen_in_node[{processor.node, in_core}]++;
    order.emplace_back(in_core, in_node, processor.node, processor.id);
    cores += in_core == 0 ? 1 : 0;
  }
  std::sort(order.begin(), order.end());
  std::vector<int> placed;
  for (int thread = 0; thread < (threads > 0 ? threads : cores); ++thread)
    placed.push_back(std::get<3>(order[static_cast<size_t>(thread) % order.size()]));
  return placed;
}

}  // namespace paddock
