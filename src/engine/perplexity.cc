// SPDX-License-Identifier: Apache-2.0
#include "engine/perplexity.h"

#include <algorithm>
#include <cmath>

#include "engine/score.h"

namespace paddock::engine {
namespace {

struct LogTotal {
  size_t best;
  double value;  // ln sum of exp
};

LogTotal log_total(std::span<const float> logits) {
  const auto best = std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - *best);
  return {static_cast<size_t>(best - logits.begin()), *best + std::log(total)};
}

// Collects negative log-likelihoods.
class LossSum {
 public:
  void add(double nll) {
    ++count_;
    sum_ += nll;
    squares_ += nll * nll;
  }
  Perplexity result(int64_t chunks) const {
    const auto count = static_cast<double>(std::max<int64_t>(count_, 1));
    const double mean = sum_ / count, variance = std::max(0.0, squares_ / count - mean * mean);
    return {chunks, count_, mean, count_ > 1 ? std::sqrt(variance / (count - 1)) : 0};
  }

 private:
  int64_t count_ = 0;
  double sum_ = 0, squares_ = 0;
};

}  // namespace

double Perplexity::perplexity() const { return std::exp(mean_nll); }
double Perplexity::perplexity_error() const { return nll_error * perplexity(); }

std::vector<std::vector<int32_t>> cut_chunks(std::span<const int32_t> tokens, int64_t length,
                                             std::optional<int32_t> bos) {
  std::vector<std::vector<int32_t>> chunks;
  for (size_t first = 0; first + static_cast<size_t>(length) <= tokens.size(); first += static_cast<size_t>(length)) {
    const auto chunk = tokens.subspan(first, static_cast<size_t>(length));
    chunks.emplace_back(chunk.begin(), chunk.end());
    if (bos) chunks.back().front() = *bos;
  }
  return chunks;
}

double kl_divergence(std::span<const float> expected, std::span<const float> found) {
  const double of_expected = log_total(expected).value, of_found = log_total(found).value;
  double sum = 0;
  for (size_t token = 0; token < expected.size(); ++token) {
    const double log_probability = expected[token] - of_expected;
    sum += std::exp(log_probability) * (log_probability - (found[token] - of_found));
  }
  return sum;
}

Result<PerplexityRun> perplexity(const Computed& found, const Computed* expected,
                                 std::span<const std::vector<int32_t>> chunks,
                                 const std::function<void(int64_t done)>& progress) {
  LossSum likelihoods, expected_likelihoods;
  Divergence divergence;
  std::vector<std::vector<float>> expected_rows;
  int64_t done = 0;
  for (const std::vector<int32_t>& chunk : chunks) {
    const auto length = static_cast<int64_t>(chunk.size());
    const auto is_scored = [&](int64_t row) { return row >= length / 2 && row + 1 < length; };
    const auto next_token = [&](int64_t row) { return static_cast<size_t>(chunk[static_cast<size_t>(row + 1)]); };
    expected_rows.clear();
    if (expected != nullptr) {
      ScoreSinks sinks;
      sinks.logits = [&](int64_t row, std::span<const float> logits) {
        if (!is_scored(row)) return;
        expected_likelihoods.add(log_total(logits).value - logits[next_token(row)]);
        expected_rows.emplace_back(logits.begin(), logits.end());
      };
      TRY(score(expected->model, expected->plan, chunk, sinks, {}, expected->adapter));
    }
    ScoreSinks sinks;
    sinks.logits = [&](int64_t row, std::span<const float> logits) {
      if (!is_scored(row)) return;
      const LogTotal total = log_total(logits);
      likelihoods.add(total.value - logits[next_token(row)]);
      if (expected == nullptr) return;
      const std::vector<float>& wanted = expected_rows[static_cast<size_t>(row - length / 2)];
      const double distance = kl_divergence(wanted, logits);
      divergence.mean += distance;
      divergence.largest = std::max(divergence.largest, distance);
      divergence.same_best += log_total(wanted).best == total.best ? 1 : 0;
    };
    TRY(score(found.model, found.plan, chunk, sinks, {}, found.adapter));
    if (progress) progress(++done);
  }
  PerplexityRun run;
  run.found = likelihoods.result(static_cast<int64_t>(chunks.size()));
  if (expected == nullptr) return run;
  run.expected = expected_likelihoods.result(static_cast<int64_t>(chunks.size()));
  const auto count = static_cast<double>(std::max<int64_t>(run.found.scored_tokens, 1));
  run.divergence = {divergence.mean / count, divergence.largest, divergence.same_best / count};
  return run;
}

}  // namespace paddock::engine
