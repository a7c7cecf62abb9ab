// SPDX-License-Identifier: Apache-2.0
#pragma once
// Fork and join for kernels: the calling thread works too and returns when all parts are done.

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace paddock {

// A fixed set of threads. parallel_for may be called by one thread at a time.
class ThreadPool {
 public:
  // `threads` counts the caller: 1 starts none. 0 means one for each processor the process may use.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(begin, end, thread) for ranges that together cover [0, count) once. Ranges hold at least `grain` items,
  // so that small work stays on the caller. `thread` is in [0, threads()) and no two concurrent calls share it.
  void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t, int)>& body);

 private:
  void work(int thread);
  void take_ranges(int thread);

  std::vector<std::thread> workers_;
  std::atomic<uint64_t> generation_{0};  // incremented for each parallel_for; workers wait for the change
  std::atomic<int> working_{0};          // workers that have not finished this generation
  std::atomic<bool> stopping_{false};

  // The current job; written before generation_ changes.
  const std::function<void(int64_t, int64_t, int)>* body_ = nullptr;
  std::atomic<int64_t> next_{0};
  int64_t count_ = 0;
  int64_t range_ = 1;
};

// Processors that this process may run on (affinity mask).
int available_processors();

}  // namespace paddock
