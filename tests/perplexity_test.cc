// SPDX-License-Identifier: Apache-2.0
#include "engine/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/score.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

std::vector<int32_t> text_of(size_t length) {
  std::vector<int32_t> tokens(length);
  for (size_t index = 0; index < length; ++index) tokens[index] = static_cast<int32_t>(index * 131 % 997);
  return tokens;
}

TEST(Perplexity, CutsWholeChunksAndReplacesTheirFirstToken) {
  const auto tokens = text_of(10);
  EXPECT_EQ(engine::cut_chunks(tokens, 4, std::nullopt),
            (std::vector<std::vector<int32_t>>{{0, 131, 262, 393}, {524, 655, 786, 917}}));
  EXPECT_EQ(engine::cut_chunks(tokens, 4, 7),
            (std::vector<std::vector<int32_t>>{{7, 131, 262, 393}, {7, 655, 786, 917}}));
  EXPECT_TRUE(engine::cut_chunks(tokens, 11, std::nullopt).empty());
}

TEST(Perplexity, DivergenceOfTwoDistributions) {
  const float even[] = {0, 0}, odd[] = {0, std::log(3.0f)};  // 1/2, 1/2 and 1/4, 3/4
  EXPECT_NEAR(engine::kl_divergence(even, odd), 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3), 1e-7);
  EXPECT_NEAR(engine::kl_divergence(odd, even), 0.25 * std::log(0.5) + 0.75 * std::log(1.5), 1e-7);
  EXPECT_EQ(engine::kl_divergence(odd, odd), 0);
}

TEST(Perplexity, ScoresTheSecondHalfOfEachChunk) {
  const auto loaded = load(data_folder() / "text" / "tiny-scout" / "model.safetensors");
  ASSERT_NE(loaded, nullptr);
  const auto plan = plan_for(*loaded, 40, 1, 16);
  const auto chunks = engine::cut_chunks(text_of(90), 40, std::nullopt);
  ASSERT_EQ(chunks.size(), 2u);
  double sum = 0;
  for (const auto& chunk : chunks) {
    const auto score = engine::score(loaded->model, plan, chunk);
    ASSERT_TRUE(score) << score.error().message;
    // nll[i] is of token i + 1: rows 20 to 38 predict tokens 21 to 39.
    sum += std::accumulate(score->nll.begin() + 20, score->nll.end(), 0.0);
  }
  const engine::Computed computed{loaded->model, plan};
  const auto run = engine::perplexity(computed, &computed, chunks);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->found.chunks, 2);
  EXPECT_EQ(run->found.scored_tokens, 2 * 19);
  EXPECT_NEAR(run->found.mean_nll, sum / 38, 1e-6);
  EXPECT_GT(run->found.nll_error, 0);
  // The same model on both sides.
  EXPECT_EQ(run->expected->mean_nll, run->found.mean_nll);
  EXPECT_EQ(run->divergence->mean, 0);
  EXPECT_EQ(run->divergence->same_best, 1);

  // Another cache on one side: the other's figures stay.
  const auto coarse = plan_for(*loaded, 40, 1, 16, tensor::DType::kQ4_1);
  const auto compared = engine::perplexity({loaded->model, coarse}, &computed, chunks);
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(compared->expected->mean_nll, run->found.mean_nll);
  EXPECT_GT(compared->divergence->mean, 0);
}

}  // namespace
}  // namespace paddock::test
