// SPDX-License-Identifier: Apache-2.0
#include "net/connection_count.h"

namespace paddock::net {

const char* ConnectionCount::add(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (count_ >= in_all_) return "the server has as many connections as it may; try again";
  if (!address.empty()) {
    const auto found = by_address_.find(address);
    if ((found == by_address_.end() ? 0 : found->second) >= per_address_)
      return "there are as many connections from this address as there may be; try again";
    ++by_address_[address];
  }
  ++count_;
  return nullptr;
}

void ConnectionCount::remove(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_address_.find(address); found != by_address_.end() && --found->second == 0)
    by_address_.erase(found);
  if (--count_ == 0) none_left_.notify_all();
}

void ConnectionCount::wait_for_none(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  none_left_.wait_for(lock, time, [this] { return count_ == 0; });
}

}  // namespace paddock::net
