// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who waits for a place, and in which order places are given.

#include <cstdint>
#include <map>
#include <vector>

#include "engine/request.h"

namespace paddock::engine {

class WaitingQueue {
 public:
  void add(RequestId request, int priority, int64_t tenant) { waiting_[request] = {priority, tenant}; }
  void remove(RequestId request) { waiting_.erase(request); }
  bool empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }

  // The highest priority first, then the tenants with the fewest running, then in order of arrival. `running`: requests
  // of each tenant that have a place.
  std::vector<RequestId> in_order(std::map<int64_t, int64_t> running) const;

 private:
  struct Claim {
    int priority;
    int64_t tenant;
  };
  std::map<RequestId, Claim> waiting_;  // ids rise with arrival
};

}  // namespace paddock::engine
