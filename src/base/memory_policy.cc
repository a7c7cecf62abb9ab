// SPDX-License-Identifier: Apache-2.0
#include "base/memory_policy.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>

namespace paddock {
namespace {

constexpr size_t kMostNodes = 1024;  // as many as Linux can be built for
constexpr size_t kWordBits = sizeof(unsigned long) * CHAR_BIT;

}  // namespace

bool interleave_memory(const std::vector<int>& nodes) {
  if (nodes.size() < 2) return false;
  std::array<unsigned long, kMostNodes / kWordBits> mask = {};
  for (const int node : nodes) {
    if (node < 0 || static_cast<size_t>(node) >= kMostNodes) return false;
    mask[static_cast<size_t>(node) / kWordBits] |= 1ul << (static_cast<size_t>(node) % kWordBits);
  }
  // The call takes one bit more than it reads.
  return ::syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, mask.data(), kMostNodes + 1) == 0;
}

}  // namespace paddock
