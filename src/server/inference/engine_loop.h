// SPDX-License-Identifier: Apache-2.0
#pragma once
// The thread that owns an engine, and the messages that others send it.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace paddock::server {

// What an engine was doing when it was last between two steps.
struct EngineStatus {
  struct Pool {
    int64_t pages = 0;   // there are
    int64_t in_use = 0;  // by sequences
    int64_t idle = 0;    // remembered for later
    size_t page_bytes = 0;
  };
  engine::EngineCounts counts;
  int64_t waiting = 0;
  int64_t running = 0;
  std::array<Pool, cache::kGroups> pools;
  int64_t evictions = 0;
  struct Pictures {
    engine::PictureCounts counts;
    size_t bytes = 0;  // of embeddings
  };
  std::optional<Pictures> pictures;                 // where the model sees any
  std::optional<cache::PrefixFolderCounts> folder;  // where there is one; of now
};

class EngineLoop {
 public:
  using Ticket = int64_t;

  // At most `most_waiting` requests wait for a place. `keep_alive` holds what the engine uses: model, machine, weights.
  EngineLoop(std::unique_ptr<engine::Engine> engine, int64_t most_waiting, std::shared_ptr<void> keep_alive = {});
  ~EngineLoop();  // stop()
  EngineLoop(const EngineLoop&) = delete;

  // Thread-safe. Refuses what Engine::check() refuses. The listener is called on the engine's thread and should do no
  // more than pass the event on.
  Result<Ticket> submit(engine::Request request);
  void cancel(Ticket ticket);  // unknown and finished ones do nothing

  // Cancels what runs, and returns when its listeners have heard of it and what is remembered of it is on the disk, as
  // far as that takes no more than a few seconds. Nothing is computed from then on.
  void stop();

  // Whether so many requests wait that another should be turned away.
  bool is_full() const { return waiting_.load(std::memory_order_relaxed) >= most_waiting_; }
  int64_t context() const { return context_; }
  EngineStatus status() const;

 private:
  struct Message {
    Ticket ticket = 0;
    std::unique_ptr<engine::Request> request;  // null: cancel
  };
  void run();
  bool take_messages(bool wait);
  void begin(Ticket ticket, engine::Request request);
  void note_status();

  std::unique_ptr<engine::Engine> engine_;
  std::shared_ptr<void> keep_alive_;
  const int64_t most_waiting_, context_;
  std::atomic<int64_t> waiting_{0};
  std::map<Ticket, engine::RequestId> running_;  // of the engine's thread

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Message> messages_;
  EngineStatus status_;
  Ticket next_ticket_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace paddock::server
