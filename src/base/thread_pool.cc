// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>

#include "base/check.h"
#include "base/topology.h"

namespace paddock {
namespace {

// About 20 microseconds: longer than the gap between two operations of a layer, shorter than a scheduler tick.
constexpr int kSpins = 2000;

// Waits until `value` differs from `old`: spins, then sleeps.
void wait_for_change(const std::atomic<uint64_t>& value, uint64_t old) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    _mm_pause();
  }
  value.wait(old, std::memory_order_acquire);
}

// A thread that cannot be kept there runs wherever the system puts it.
void keep_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  CHECK(threads >= 0);
  const std::vector<int> allowed = allowed_processors();
  const std::vector<int> places = place_threads(read_topology("/sys", allowed), threads);
  const bool enough = places.size() <= allowed.size();
  shares_ = std::vector<Share>(places.size());
  workers_.reserve(places.size() - 1);
  for (size_t thread = 1; thread < places.size(); ++thread)
    workers_.emplace_back([this, thread, place = places[thread], enough] {
      if (enough) keep_on(place);
      work(static_cast<int>(thread));
    });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_relaxed);
  state_.fetch_add(kOneJob, std::memory_order_release);
  state_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t, int)>& body) {
  if (count <= 0) return;
  const int64_t range = std::max<int64_t>({int64_t{1}, grain, count / (4 * threads())});
  if (workers_.empty() || count <= range) {
    body(0, count, 0);
    return;
  }
  body_ = &body;
  range_ = range;
  for (int share = 0; share < threads(); ++share) {
    Share& of_thread = shares_[static_cast<size_t>(share)];
    of_thread.next.store(count * share / threads(), std::memory_order_relaxed);
    of_thread.end = count * (share + 1) / threads();
  }
  state_.fetch_add(kOneJob | kOpen, std::memory_order_release);
  state_.notify_all();
  take_ranges(0);
  uint64_t state = state_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  while ((state & kWorkers) != 0) {
    wait_for_change(state_, state);
    state = state_.load(std::memory_order_acquire);
  }
}

void ThreadPool::take_ranges(int thread) {
  for (int turn = 0; turn < threads(); ++turn) {
    Share& share = shares_[static_cast<size_t>((thread + turn) % threads())];
    for (;;) {
      const int64_t begin = share.next.fetch_add(range_, std::memory_order_relaxed);
      if (begin >= share.end) break;
      (*body_)(begin, std::min(begin + range_, share.end), thread);
    }
  }
}

void ThreadPool::work(int thread) {
  uint64_t done = 0;  // the last job that this thread worked on
  for (;;) {
    uint64_t state = state_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    const uint64_t job = state / kOneJob;
    if ((state & kOpen) == 0 || job == done) {
      wait_for_change(state_, state);
      continue;
    }
    if (!state_.compare_exchange_weak(state, state + kOneWorker, std::memory_order_acq_rel)) continue;
    take_ranges(thread);
    done = job;
    const uint64_t before = state_.fetch_sub(kOneWorker, std::memory_order_acq_rel);
    if ((before & (kOpen | kWorkers)) == kOneWorker) state_.notify_all();
  }
}

}  // namespace paddock
