// SPDX-License-Identifier: Apache-2.0
#include "server/inference/engine_loop.h"

#include <utility>

#include "base/clock.h"

namespace paddock::server {
namespace {

constexpr double kLongestEnd = 10;  // seconds for what is remembered to be written

}  // namespace

EngineLoop::EngineLoop(std::unique_ptr<engine::Engine> engine, int64_t most_waiting, std::shared_ptr<void> keep_alive)
    : engine_(std::move(engine)),
      keep_alive_(std::move(keep_alive)),
      most_waiting_(most_waiting),
      context_(engine_->context()) {
  note_status();
  thread_ = std::thread([this] { run(); });
}

EngineLoop::~EngineLoop() { stop(); }

void EngineLoop::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<EngineLoop::Ticket> EngineLoop::submit(engine::Request request) {
  TRY_VOID(engine_->check(request));
  waiting_.fetch_add(1, std::memory_order_relaxed);
  Ticket ticket;
  {
    const std::lock_guard lock(mutex_);
    ticket = next_ticket_++;
    messages_.push_back({ticket, std::make_unique<engine::Request>(std::move(request))});
  }
  changed_.notify_all();
  return ticket;
}

void EngineLoop::cancel(Ticket ticket) {
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back({ticket, nullptr});
  }
  changed_.notify_all();
}

EngineStatus EngineLoop::status() const {
  EngineStatus status;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
  }
  if (const cache::PrefixFolder* folder = engine_->prefix_folder()) status.folder = folder->counts();
  return status;
}

void EngineLoop::run() {
  bool busy = false;
  while (take_messages(!busy)) {
    busy = engine_->step();
    note_status();
  }
  for (const auto& [ticket, id] : running_) engine_->cancel(id);
  const Stopwatch watch;
  while (engine_->step() && watch.seconds() < kLongestEnd) {
  }
}

// False when the loop is to end.
bool EngineLoop::take_messages(bool wait) {
  std::vector<Message> messages;
  {
    std::unique_lock lock(mutex_);
    if (wait) changed_.wait(lock, [this] { return stopping_ || !messages_.empty(); });
    if (stopping_ && messages_.empty()) return false;
    messages.swap(messages_);
  }
  for (Message& message : messages)
    if (message.request) {
      begin(message.ticket, std::move(*message.request));
    } else if (const auto found = running_.find(message.ticket); found != running_.end()) {
      engine_->cancel(found->second);
    }
  return true;
}

void EngineLoop::begin(Ticket ticket, engine::Request request) {
  request.listener = [this, ticket, listener = std::move(request.listener)](const engine::Event& event) {
    if (event.finished) running_.erase(ticket);
    if (listener) listener(event);
  };
  const auto id = engine_->submit(std::move(request));
  CHECK(id);  // it was checked when it came
  running_[ticket] = *id;
}

void EngineLoop::note_status() {
  EngineStatus now;
  now.counts = engine_->counts();
  now.waiting = static_cast<int64_t>(engine_->waiting());
  now.running = static_cast<int64_t>(engine_->running());
  const cache::KvCache& cache = engine_->kv_cache();
  for (const cache::Group group : cache::kAllGroups) {
    const cache::PagePool& pool = cache.pool(group);
    now.pools[group] = {pool.capacity(), pool.in_use() - pool.idle(), pool.idle(), cache.shape()[group].page_bytes()};
  }
  now.evictions = static_cast<int64_t>(cache.prefixes().evictions());
  if (const engine::PictureStore* pictures = engine_->pictures())
    now.pictures = EngineStatus::Pictures{pictures->counts(), pictures->bytes()};
  const std::lock_guard lock(mutex_);
  status_ = now;
  waiting_.store(now.waiting + static_cast<int64_t>(messages_.size()), std::memory_order_relaxed);
}

}  // namespace paddock::server
