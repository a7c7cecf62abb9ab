// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <signal.h>

#include <atomic>

#include "base/check.h"

namespace paddock::cli {
namespace {

// What the handler sees; a handler may touch lock-free atomics only.
std::atomic<bool> interrupt_seen{false};
std::atomic<bool> second_ends_program{false};
std::atomic<bool> watch_exists{false};
static_assert(std::atomic<bool>::is_always_lock_free);

struct sigaction previous_action;

void remember_interrupt(int signal) {
  if (interrupt_seen.exchange(true) && second_ends_program) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
}

}  // namespace

InterruptWatch::InterruptWatch(SecondInterrupt second) {
  CHECK(!watch_exists.exchange(true));
  interrupt_seen = false;
  second_ends_program = second == SecondInterrupt::kEndsProgram;
  struct sigaction action {};
  action.sa_handler = remember_interrupt;  // without SA_RESTART: a read that waits for the user is interrupted too
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &previous_action);
}

InterruptWatch::~InterruptWatch() {
  ::sigaction(SIGINT, &previous_action, nullptr);
  watch_exists = false;
}

bool InterruptWatch::interrupted() const { return interrupt_seen; }
void InterruptWatch::reset() { interrupt_seen = false; }

}  // namespace paddock::cli
