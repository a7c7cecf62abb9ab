// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many connections there are, in all and by address.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_map>

namespace paddock::net {

// Thread-safe.
class ConnectionCount {
 public:
  ConnectionCount(int in_all, int per_address) : in_all_(in_all), per_address_(per_address) {}

  // Null: the connection may come in, and is to be removed when it ends; or else a sentence why it may not. An empty
  // address counts in all alone.
  const char* add(const std::string& address);
  void remove(const std::string& address);

  // Returns when there is none, or after `time`.
  void wait_for_none(std::chrono::milliseconds time);

 private:
  const int in_all_, per_address_;
  std::mutex mutex_;
  std::condition_variable none_left_;
  int count_ = 0;
  std::unordered_map<std::string, int> by_address_;  // without zeros
};

}  // namespace paddock::net
