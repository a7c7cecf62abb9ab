// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a client asks of the engine and what it hears back. Token ids only: text is interpreted outside.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/picture.h"
#include "llama4/adapter/adapter.h"

namespace paddock::engine {

// How the next token is drawn from the logits. The steps are taken in the order of the fields; the defaults draw from
// the model's own distribution.
struct SamplingParameters {
  float repetition_penalty = 1;  // > 0; divides positive and multiplies negative logits of tokens in prompt or answer
  float presence_penalty = 0;    // subtracted once from tokens that the answer holds
  float frequency_penalty = 0;   // subtracted for each time that the answer holds them
  std::vector<std::pair<int32_t, float>> logit_bias;  // added; -infinity forbids a token
  float temperature = 1;                              // >= 0; 0 takes the most likely token
  int32_t top_k = 0;                                  // keep the k most likely; 0: all
  float top_p = 1;                                    // keep the most likely whose probabilities reach p, (0, 1]
  float min_p = 0;            // keep those at least min_p times as likely as the most likely, [0, 1]
  uint64_t seed = 0;          // of this request's own random stream
  int32_t top_logprobs = -1;  // -1: none; otherwise the chosen token's and this many of the best
};

using RequestId = int64_t;

// kTimeout: its deadline passed. kError: the logits were not finite, or its filter left no token, so that any token
// would have been a wrong one.
enum class FinishReason : uint8_t { kStop, kLength, kCancelled, kTimeout, kError };
std::string_view name(FinishReason reason);  // "stop", "length", "cancelled", "timeout", "error"

// Says which tokens may come next: a grammar, seen from here. Used by the engine's thread alone.
class TokenFilter {
 public:
  virtual ~TokenFilter() = default;
  // Sets what may not come to -infinity. False when nothing may.
  virtual bool restrict(std::span<float> logits) = 0;
  // The token that was drawn; not called for tokens that end the answer.
  virtual void accept(int32_t token) = 0;
};

// Natural logarithms of the model's own probabilities, before penalties and temperature.
struct LogProbabilities {
  float chosen = 0;
  std::vector<std::pair<int32_t, float>> best;  // most likely first
};

// One token, or the end.
struct Event {
  RequestId request = 0;
  std::optional<int32_t> token;
  std::optional<LogProbabilities> logprobs;
  std::optional<FinishReason> finished;  // may come with the last token
  int64_t prompt_done = 0;    // prompt tokens in the cache so far, for progress; events without token carry it too
  int64_t prompt_reused = 0;  // of these, the ones that the cache held already when the request began
};

struct Request {
  std::vector<int32_t> prompt;    // at least one token
  std::vector<Picture> pictures;  // in the order of the prompt
  SamplingParameters sampling;
  int64_t max_tokens = -1;                     // of the answer; -1: as many as the context holds
  std::vector<int32_t> stop_tokens;            // end the answer and are its last token
  std::function<void(const Event&)> listener;  // called from step(); may call cancel()

  std::shared_ptr<TokenFilter> filter;  // of this request alone

  // Of the engine's model; null: the model as it is. Held until the request has ended.
  std::shared_ptr<const llama4::Adapter> adapter;

  // Requests of a higher priority are admitted first, and those of whom least are running among tenants that are equal
  // in it. A step's room for prompts is shared between tenants.
  int priority = 0;
  int64_t tenant = 0;
  std::optional<std::chrono::steady_clock::time_point> deadline;  // whatever has been answered until then is all
};

}  // namespace paddock::engine
