// SPDX-License-Identifier: Apache-2.0
// What may be drawn against plain sorting, and that no table of kernels changes it.

#include "engine/likelihoods.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

namespace paddock::engine {
namespace {

constexpr float kEndless = std::numeric_limits<float>::infinity();
constexpr size_t kSizes[] = {1, 5, 16, 100, 1024, 1025, 5000, 202048};

// Many ties, and some numbers that are none.
std::vector<float> some_logits(size_t count, float spread, std::mt19937* random) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(count);
  for (float& logit : logits) {
    logit = std::round(normal(*random) * 64) / 64;
    if ((*random)() % 50 == 0) logit = (*random)() % 2 == 0 ? NAN : -kEndless;
  }
  logits[count / 2] = 0.5f;
  return logits;
}

std::vector<int32_t> sorted_tokens(const std::vector<float>& logits) {
  std::vector<int32_t> order;
  for (size_t token = 0; token < logits.size(); ++token)
    if (!std::isnan(logits[token])) order.push_back(static_cast<int32_t>(token));
  std::ranges::stable_sort(order, std::greater(), [&](int32_t token) { return logits[static_cast<size_t>(token)]; });
  return order;
}

TEST(Likelihoods, TheMostLikelyAreThoseOfSorting) {
  std::mt19937 random(1);
  Likelihoods likelihoods;
  for (const size_t size : kSizes)
    for (const float spread : {0.01f, 3.0f}) {
      const auto logits = some_logits(size, spread, &random);
      const auto order = sorted_tokens(logits);
      EXPECT_EQ(likelihoods.most_likely(logits), order.front());
      for (const int32_t count : {0, 1, 2, 40, 1000, 300000}) {
        const auto expected = std::min(order.size(), static_cast<size_t>(count));
        EXPECT_EQ(likelihoods.most_likely(logits, count), std::vector(order.begin(), order.begin() + expected))
            << size << " " << count;
      }
    }
}

// Those that 2,000 shares of the weight come to.
std::set<int32_t> drawn(Likelihoods* likelihoods) {
  std::set<int32_t> tokens;
  for (int step = 0; step < 2000; ++step) tokens.insert(likelihoods->at(step / 2000.0).value());
  return tokens;
}

TEST(Likelihoods, TheNucleusIsThatOfSorting) {
  std::mt19937 random(2);
  Likelihoods likelihoods;
  for (const size_t size : {1, 2, 5, 16, 40})
    for (const float spread : {0.02f, 2.0f})
      for (const double share : {0.0, 0.1, 0.5, 0.9, 0.99})
        for (int repeat = 0; repeat < 10; ++repeat) {
          const auto logits = some_logits(size, spread, &random);
          const auto order = sorted_tokens(logits);
          const kernels::Softening softening = {.maximum = logits[static_cast<size_t>(order.front())]};
          double total = 0, reached = 0;
          const auto weight = [&](int32_t token) {
            return std::exp(static_cast<double>(logits[static_cast<size_t>(token)]) - softening.maximum);
          };
          for (const int32_t token : order) total += weight(token);
          std::set<int32_t> kept;
          for (const int32_t token : order)
            if (kept.empty() || reached < share * total) {
              reached += weight(token);
              kept.insert(token);
            }
          if (std::abs(reached - share * total) < 1e-6) continue;  // rounding decides
          likelihoods.weigh_all(logits, softening);
          likelihoods.keep_nucleus(share);
          const auto found = drawn(&likelihoods);
          EXPECT_TRUE(std::ranges::includes(kept, found)) << size << " " << share;
          for (const int32_t token : kept) {
            if (weight(token) > reached / 1000) {
              EXPECT_TRUE(found.contains(token)) << size << " " << share;
            }
          }
        }
}

TEST(Likelihoods, SharesOfTheWeightAreMet) {
  std::mt19937 random(3);
  Likelihoods likelihoods;
  const auto logits = some_logits(202048, 2, &random);
  const float maximum = logits[static_cast<size_t>(likelihoods.most_likely(logits))];
  double total = 0;
  for (const float logit : logits)
    if (!std::isnan(logit)) total += std::exp(static_cast<double>(logit) - maximum);
  EXPECT_NEAR(likelihoods.log_sum_exp(logits), maximum + std::log(total), 1e-6);
  likelihoods.weigh_all(logits, {.maximum = maximum});
  const auto weight = [&](int32_t token) {
    const float logit = logits[static_cast<size_t>(token)];
    return std::isnan(logit) ? 0 : std::exp(static_cast<double>(logit) - maximum) / total;
  };
  for (const double share : {0.0, 0.001, 0.3, 0.77, 0.9999}) {
    const int32_t token = likelihoods.at(share).value();
    double before = 0;
    for (int32_t other = 0; other < token; ++other) before += weight(other);
    EXPECT_LE(before, share + 1e-6);
    EXPECT_GE(before + weight(token), share - 1e-6);
  }
}

// However little is outside: what the others have is not what is left of the whole.
TEST(Likelihoods, SumsOfOthersDoNotCancel) {
  std::mt19937 random(4);
  Likelihoods likelihoods;
  for (const size_t size : kSizes)
    for (const float above : {0.0f, 20.0f, 60.0f}) {
      auto logits = some_logits(size, 2, &random);
      logits[size / 2] = 10 + above;
      const auto best = likelihoods.most_likely(logits, 3);
      double of_best = 0, of_others = 0;
      for (size_t token = 0; token < size; ++token) {
        if (std::isnan(logits[token])) continue;
        const bool is_best = std::ranges::find(best, static_cast<int32_t>(token)) != best.end();
        (is_best ? of_best : of_others) += std::exp(static_cast<double>(logits[token]));
      }
      const auto sums = likelihoods.log_sums(logits, best);
      EXPECT_NEAR(sums.all, std::log(of_best + of_others), 1e-6);
      if (of_others > 0) {
        EXPECT_NEAR(sums.others, std::log(of_others), 2e-6) << size << " " << above;
      } else {
        EXPECT_EQ(sums.others, -kEndless);
      }
    }
}

TEST(Likelihoods, NothingThatCanBeDrawn) {
  Likelihoods likelihoods;
  EXPECT_EQ(likelihoods.most_likely(std::vector<float>{-kEndless, NAN}), 0);
  EXPECT_EQ(likelihoods.log_sum_exp(std::vector<float>{-kEndless, NAN}), -kEndless);
  likelihoods.weigh_all(std::vector<float>{-kEndless, NAN}, {.maximum = -kEndless});
  likelihoods.keep_nucleus(0.5);
  EXPECT_EQ(likelihoods.at(0.5), std::nullopt);
  likelihoods.weigh_most_likely(std::vector<float>{1, kEndless, 2}, 2, {.maximum = kEndless});
  EXPECT_EQ(likelihoods.at(0.5), std::nullopt);
}

TEST(Likelihoods, TheKernelsChangeNothing) {
  std::mt19937 random(4);
  Likelihoods plain(kernels::reference::kLikelihoodKernels), fast;
  for (const size_t size : kSizes)
    for (const float spread : {0.05f, 3.0f}) {
      const auto logits = some_logits(size, spread, &random);
      const kernels::Softening softening = {.maximum = logits[static_cast<size_t>(plain.most_likely(logits))],
                                            .inverse_temperature = 1.3f};
      for (const int32_t top_k : {0, 3, 40})
        for (const double top_p : {0.0, 0.4, 0.95, 1.0})
          for (const double share : {0.0, 0.2, 0.9}) {
            const auto token = [&](Likelihoods* likelihoods) {
              top_k == 0 ? likelihoods->weigh_all(logits, softening)
                         : likelihoods->weigh_most_likely(logits, top_k, softening);
              if (top_p < 1) likelihoods->keep_nucleus(top_p);
              return likelihoods->at(share);
            };
            EXPECT_EQ(token(&plain), token(&fast)) << size << " " << top_k << " " << top_p;
          }
    }
}

}  // namespace
}  // namespace paddock::engine
