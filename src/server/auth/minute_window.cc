// SPDX-License-Identifier: Apache-2.0
#include "server/auth/minute_window.h"

#include <algorithm>
#include <cstring>

#include "base/utc_time.h"

namespace paddock::server::auth {
namespace {

constexpr int64_t kMinuteNs = 60 * kNsPerSecond;
constexpr size_t kMostSlots = 61;
constexpr int64_t kMostCount = int64_t{1} << 53;  // of anything that is read back: sums stay far from overflow

}  // namespace

void MinuteWindow::advance(int64_t now_ns) {
  const auto is_old = [&](const Slot& slot) { return now_ns - slot.last_ns >= kMinuteNs; };
  const auto first_young = std::ranges::find_if_not(slots_, is_old);
  for (auto slot = slots_.begin(); slot != first_young; ++slot) {
    used_.requests -= slot->count.requests;
    used_.tokens -= slot->count.tokens;
  }
  slots_.erase(slots_.begin(), first_young);
}

int64_t MinuteWindow::add(int64_t now_ns, Count count) {
  const int64_t second = now_ns / kNsPerSecond;
  if (slots_.empty() || slots_.back().second < second) slots_.push_back({second, now_ns, {}});
  Slot& slot = slots_.back();
  slot.last_ns = now_ns;
  slot.count.requests += count.requests;
  slot.count.tokens += count.tokens;
  used_.requests += count.requests;
  used_.tokens += count.tokens;
  return slot.second;
}

MinuteWindow::Slot* MinuteWindow::slot_named(int64_t second) {
  const auto slot = std::ranges::find(slots_, second, &Slot::second);
  return slot == slots_.end() ? nullptr : &*slot;
}

void MinuteWindow::change(int64_t slot, int64_t tokens) {
  Slot* found = slot_named(slot);
  if (found == nullptr) return;
  found->count.tokens += tokens;
  used_.tokens += tokens;
}

void MinuteWindow::remove(int64_t slot, Count count) {
  change(slot, -count.tokens);
  if (Slot* found = slot_named(slot)) {
    found->count.requests -= count.requests;
    used_.requests -= count.requests;
  }
}

int64_t MinuteWindow::wait_for(int64_t Count::*kind, int64_t more, int64_t limit, int64_t now_ns) const {
  int64_t used = used_.*kind;
  int64_t wait = 0;
  for (const Slot& slot : slots_) {
    if (used + more <= limit) break;
    used -= slot.count.*kind;
    wait = slot.last_ns + kMinuteNs - now_ns;
  }
  return std::max<int64_t>(wait, 0);
}

int64_t MinuteWindow::wait_for_requests(int64_t more, int64_t limit, int64_t now_ns) const {
  return wait_for(&Count::requests, more, limit, now_ns);
}
int64_t MinuteWindow::wait_for_tokens(int64_t more, int64_t limit, int64_t now_ns) const {
  return wait_for(&Count::tokens, more, limit, now_ns);
}
int64_t MinuteWindow::wait_until_empty(int64_t now_ns) const {
  return slots_.empty() ? 0 : std::max<int64_t>(slots_.back().last_ns + kMinuteNs - now_ns, 0);
}

std::string MinuteWindow::bytes() const {
  std::string bytes;
  for (const Slot& slot : slots_) {
    const int64_t numbers[] = {slot.last_ns, slot.count.requests, slot.count.tokens};
    bytes.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  }
  return bytes;
}

MinuteWindow MinuteWindow::of_bytes(std::string_view bytes, int64_t now_ns) {
  MinuteWindow window;
  int64_t numbers[3];
  if (bytes.size() % sizeof numbers != 0 || bytes.size() > kMostSlots * sizeof numbers) return window;
  int64_t last_ns = 0;
  for (; !bytes.empty(); bytes.remove_prefix(sizeof numbers)) {
    std::memcpy(numbers, bytes.data(), sizeof numbers);
    last_ns = std::clamp(numbers[0], last_ns, std::max(last_ns, now_ns));
    window.add(last_ns,
               {std::clamp<int64_t>(numbers[1], 0, kMostCount), std::clamp<int64_t>(numbers[2], 0, kMostCount)});
  }
  window.advance(now_ns);
  return window;
}

}  // namespace paddock::server::auth
