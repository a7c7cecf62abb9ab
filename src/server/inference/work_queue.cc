// SPDX-License-Identifier: Apache-2.0
#include "server/inference/work_queue.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace paddock::server {

WorkQueue::WorkQueue(int threads, size_t most_waiting) : most_waiting_(most_waiting) {
  for (int thread = 0; thread < threads; ++thread) threads_.emplace_back([this] { run(); });
}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkQueue::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (most_waiting_ > 0 && work_.size() >= most_waiting_) return false;
    work_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

size_t WorkQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return work_.size();
}

void WorkQueue::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !work_.empty(); });
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    try {
      work();
    } catch (const std::exception& exception) {  // of a library, for want of memory above all: one request's, not all
      log_warning("a piece of work was given up: {}", exception.what());
    }
  }
}

}  // namespace paddock::server
