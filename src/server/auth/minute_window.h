// SPDX-License-Identifier: Apache-2.0
#pragma once
// Requests and tokens of the last 60 seconds, so that a limit a minute holds in every 60 seconds and not only in those
// that begin at a full minute. What began within one second is kept as one: at most 61 slots, each counted until its
// last request is 60 seconds old.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paddock::server::auth {

// Moments are nanoseconds on one scale that does not go back (ForwardTime). One thread at a time.
class MinuteWindow {
 public:
  struct Count {
    int64_t requests = 0;
    int64_t tokens = 0;
  };

  // Lets go of what is older than a minute.
  void advance(int64_t now_ns);

  // Of one request that begins now. Gives the name of its slot, for change().
  int64_t add(int64_t now_ns, Count count);
  // Adds to a slot's tokens, or with a negative number takes away; nothing when the slot has gone.
  void change(int64_t slot, int64_t tokens);
  // Takes back an add().
  void remove(int64_t slot, Count count);

  const Count& used() const { return used_; }
  // Until there is room for so much more below the limit: 0 when there is. Missing room for `more` > `limit` is not for
  // it to say.
  int64_t wait_for_requests(int64_t more, int64_t limit, int64_t now_ns) const;
  int64_t wait_for_tokens(int64_t more, int64_t limit, int64_t now_ns) const;
  // Until nothing is counted.
  int64_t wait_until_empty(int64_t now_ns) const;

  // The slots as bytes for a database, and back. What was written in what is now the future, because the clock has been
  // set back, counts as of now: it is neither forgotten nor kept for longer than a minute. Bytes of another shape are
  // an empty window.
  std::string bytes() const;
  static MinuteWindow of_bytes(std::string_view bytes, int64_t now_ns);

 private:
  struct Slot {
    int64_t second = 0;   // its name
    int64_t last_ns = 0;  // when its last request began
    Count count;
  };
  int64_t wait_for(int64_t Count::*kind, int64_t more, int64_t limit, int64_t now_ns) const;
  Slot* slot_named(int64_t second);

  std::vector<Slot> slots_;  // oldest first
  Count used_;               // of all slots
};

}  // namespace paddock::server::auth
