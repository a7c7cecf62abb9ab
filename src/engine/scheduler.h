// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which sequences take part in the next step, and with how many tokens each. Integers only, so that a thousand steps
// can be tested without a model.

#include <cstdint>
#include <map>
#include <vector>

#include "engine/request.h"

namespace paddock::engine {

// The part of one sequence that a step computes: positions [first, first + count).
struct Slice {
  RequestId request = 0;
  int64_t first = 0;
  int64_t count = 0;
  bool wants_logits = false;  // the slice ends with the sequence's last known token
};

// Running sequences that need one token come first, in order of arrival, so that answers do not wait for prompts; what
// is left of the step goes to prompts, in pieces: an equal share to each tenant, and within it in order of arrival.
class Scheduler {
 public:
  Scheduler(int64_t tokens_per_step, int64_t logits_per_step)
      : tokens_per_step_(tokens_per_step), logits_per_step_(logits_per_step) {}

  // `computed` tokens of `total` are in the cache already.
  void add(RequestId request, int64_t computed, int64_t total, int64_t tenant = 0);
  void remove(RequestId request);
  void commit(const Slice& slice);       // the slice has been computed
  void append_token(RequestId request);  // the sequence has one token more

  // Beside answers, at most `beside_answers` tokens of prompts.
  std::vector<Slice> next_batch(int64_t beside_answers = INT64_MAX) const;
  int64_t answering() const;                  // sequences that need one token
  int64_t computed(RequestId request) const;  // tokens of it; 0 where it is unknown
  bool is_reading(RequestId request) const;   // more than one token is still to be computed
  size_t size() const { return progress_.size(); }

 private:
  struct Progress {
    int64_t computed = 0;
    int64_t total = 0;
    int64_t tenant = 0;
    int64_t remaining() const { return total - computed; }
  };
  struct Room {
    int64_t tokens, logits;
  };
  static int64_t fit(const Progress& progress, int64_t most, const Room& room);
  int64_t tokens_per_step_;
  int64_t logits_per_step_;
  std::map<RequestId, Progress> progress_;  // ids rise with arrival
};

}  // namespace paddock::engine
