// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work that must not keep a network or an engine thread waiting: reading bodies, rendering, tokenising, writing events.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace paddock::server {

// Runs what is posted; in order, when it has one thread. Thread-safe.
class WorkQueue {
 public:
  // `most_waiting` pieces of work wait at most; 0: any number.
  explicit WorkQueue(int threads, size_t most_waiting = 0);
  ~WorkQueue();  // runs what waits, then ends
  WorkQueue(const WorkQueue&) = delete;

  // False when too much waits already: nothing has happened then.
  bool post(std::function<void()> work);
  size_t waiting() const;

 private:
  void run();

  const size_t most_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace paddock::server
