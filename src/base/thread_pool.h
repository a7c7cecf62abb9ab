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
  // `threads` counts the caller: 1 starts none. 0 means one for each physical core that the process may use. The
  // threads that are started stay on processors of their own (base/topology.h) while there are enough; the caller is
  // left where it is.
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
  std::atomic<bool> stopping_{false};

  // Of the current job: its number, whether it is open to workers, how many work on it. A worker that the system does
  // not let run misses the job, and nobody waits for it.
  static constexpr uint64_t kOneWorker = 1, kWorkers = 0xffff, kOpen = 0x10000, kOneJob = 0x20000;
  std::atomic<uint64_t> state_{0};

  // The current job; written while none is open and nobody works.
  const std::function<void(int64_t, int64_t, int)>* body_ = nullptr;
  // What a thread takes first, in order, because neighbouring items lie beside each other in memory; when it is through
  // it helps the others with theirs.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  std::vector<Share> shares_;
  int64_t range_ = 1;
};

}  // namespace paddock
