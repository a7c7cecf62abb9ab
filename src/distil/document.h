// SPDX-License-Identifier: Apache-2.0
#pragma once
// A text with what a teacher said of it, and the same as bytes.
//
// Bytes: the number of tokens; the taught places as lengths of runs, not taught and taught in turn; the tokens; then
// for each taught place the ids of the kept tokens, their log-probabilities, the tail, and the token that follows
// where it is not kept. All in exponential Golomb codes (distil/bits.h), whose orders are chosen for each document.
//
// Log-probabilities are whole numbers of 2^-14 nats below 0 (a "depth"). Best first they only get deeper, so that each
// is written as the distance from the one before, in steps that grow with the depth: what is half as likely may be
// less exact. Errors: see step_bits.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paddock::distil {

// A place t is taught when the logits at t, which predict token t + 1, were recorded.
struct Document {
  std::vector<int32_t> tokens;   // [T]
  std::vector<int32_t> places;   // [R], ascending, each below T - 1
  std::vector<int32_t> ids;      // [R, K], of different tokens, most likely first
  std::vector<float> logprobs;   // [R, K]
  std::vector<float> tails;      // [R], log of the mass outside the K; -infinity where there is none
  std::vector<float> following;  // [R], log-probability of token t + 1

  double tail_mass() const;  // sums over the taught places
  double loss() const;       // of the text under the teacher, nats
};

inline constexpr int64_t kMostKept = 4096;
inline constexpr int64_t kMostTokens = int64_t{1} << 24;

inline constexpr int kDepthBits = 14;                           // of a nat
inline constexpr int32_t kDeepest = int32_t{64} << kDepthBits;  // what is less likely is stored as this

// The step behind a depth is 2^step_bits(depth) units: it doubles every 2 nats, six times. A log-probability of x nats
// is off by at most 2^-15 2^min(6, x / 2), so that a probability p is off by at most 2^-15 p^0.65. A divergence at
// temperature T moves by at most 2 T times that sum of |ln p - ln q|: below 1e-4 nats in practice (docs/distil.md).
constexpr int step_bits(int32_t depth) {
  const int bits = depth >> (kDepthBits + 1);
  return bits < 6 ? bits : 6;
}

// `kept`: K.
std::vector<std::byte> write_document(const Document& document, int64_t kept);

// Refused: bytes that write_document would not write for such a vocabulary, as far as that can be told without it.
// `source` names them in the error.
Result<Document> parse_document(std::span<const std::byte> bytes, int64_t kept, int64_t vocabulary,
                                std::string_view source);

}  // namespace paddock::distil
