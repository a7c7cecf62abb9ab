// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the server has done and is doing, for Prometheus. Names follow its conventions: base units, _total for counters.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddock::server {

// Of one answered request.
struct CompletionMetrics {
  std::string model, key;  // key: its name; empty: none was needed
  std::string finish_reason;
  int64_t prompt_tokens = 0, cached_tokens = 0, output_tokens = 0;
  double first_token_seconds = -1;  // -1: none came
  double seconds = 0;
  std::vector<double> gaps;  // between tokens, seconds
};

// Of one model, now.
struct ModelGauges {
  std::string model;
  int64_t waiting = 0, running = 0;
  int64_t steps = 0, computed_tokens = 0, drafted_tokens = 0, accepted_tokens = 0, preemptions = 0, evictions = 0;
  struct Pool {
    const char* name;  // "global", "local"
    double bytes = 0, used_bytes = 0, remembered_bytes = 0;
  };
  std::vector<Pool> pools;
  struct Folder {  // of remembered pages on a disk
    int64_t written = 0, read = 0, discarded = 0;
    double bytes = 0;
  };
  std::optional<Folder> folder;
  struct Pictures {
    int64_t asked = 0, reused = 0, tiles = 0;
    double seconds = 0;  // of encoding
    double bytes = 0;    // of what was seen
  };
  std::optional<Pictures> pictures;  // where the model sees any
  struct Adapters {
    int64_t loaded = 0;
    double bytes = 0;  // those that are in use still among them
  };
  std::optional<Adapters> adapters;  // where it may have any
};

struct ServerGauges {
  std::vector<ModelGauges> models;
  int64_t connections = 0, exchanges = 0;
  int64_t masks = 0;
  double mask_seconds = 0;
  int64_t audit_waiting = 0, audit_lost = 0;
};

// Thread-safe.
class Metrics {
 public:
  explicit Metrics(std::string_view version);
  ~Metrics();

  void count_request(std::string_view route, std::string_view method, int status, double seconds);
  void count_refusal(std::string_view reason);
  void count_completion(const CompletionMetrics& completion);

  // The text that GET /metrics answers.
  std::string text(const ServerGauges& now);

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace paddock::server
