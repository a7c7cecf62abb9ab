// SPDX-License-Identifier: Apache-2.0
// Speed tests: that they run what they say, and that the costs beside their times are those of the model's shapes.

#include "engine/speed.h"

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace paddock::test {
namespace {

using engine::Phase;
using engine::SpeedCase;

class SpeedTest : public testing::Test {
 protected:
  void open(const std::string& name, const std::vector<SpeedCase>& cases) {
    const std::filesystem::path folder = data_folder() / "text" / name;
    const bool is_sharded = std::filesystem::exists(folder / "model.safetensors.index.json");
    loaded_ = load(folder / (is_sharded ? "model.safetensors.index.json" : "model.safetensors"));
    ASSERT_NE(loaded_, nullptr);
    const auto wishes = engine::SpeedTest::wishes_for(cases, {.format = tensor::DType::kF32});
    const auto plan = llama4::plan_memory(loaded_->model.config, loaded_->totals, wishes, *loaded_->machine);
    ASSERT_TRUE(plan) << plan.error().message;
    auto test = engine::SpeedTest::create(loaded_->model, *plan);
    ASSERT_TRUE(test) << test.error().message;
    test_ = std::move(*test);
  }
  double float_operations(const engine::SpeedResult& result) const {
    return result.cost.operations[static_cast<size_t>(kernels::Arithmetic::kFloat32)];
  }
  std::unique_ptr<LoadedModel> loaded_;
  std::unique_ptr<engine::SpeedTest> test_;
};

// tiny-llama: 3 layers of width 64, 4 heads of 16, 2 key/value heads, MLP of 160, 1024 tokens, all float32.
TEST_F(SpeedTest, APromptCostsItsShapes) {
  const SpeedCase wanted{Phase::kPrefill, 20, 30, 1};
  open("tiny-llama", {wanted});
  const auto result = test_->run(wanted, 3);
  EXPECT_EQ(result.seconds.size(), 3u);
  EXPECT_EQ(result.steps, 1);
  const double layer = 2 * 64 * 64 + 2 * 32 * 64 + 3 * 160 * 64, head = 1024 * 64;
  EXPECT_EQ(result.cost.weight_bytes, 4 * (3 * layer + head) + 20 * 64 * 4);
  EXPECT_EQ(result.cost.cache_bytes, 3 * 2 * 4 * 32 * (30 + 20));
  const double pairs = 20 * 30 + 20 * 21 / 2;
  EXPECT_EQ(float_operations(result), 2 * (3 * layer * 20 + head) + 3 * 4 * 64 * pairs);
  EXPECT_EQ(result.cost.all_operations(), float_operations(result));
  EXPECT_DOUBLE_EQ(result.tokens_per_second(2), 10);
}

// tiny-maverick: 8 layers, every 4th sees all positions, the others chunks of 32; 4 layers of 8 experts; bfloat16.
TEST_F(SpeedTest, AnAnswerCostsTheChosenExpertsAndTheChunk) {
  const SpeedCase wanted{Phase::kDecode, 4, 50, 1};
  open("tiny-maverick", {wanted});
  const auto result = test_->run(wanted, 1);
  EXPECT_EQ(result.steps, 4);
  const double embedding = 1024 * 64, norms = 17 * 64;
  const double active = static_cast<double>(loaded_->totals.active_parameters) - embedding - norms;
  EXPECT_EQ(result.cost.weight_bytes, 4 * (2 * active + 64 * 2));
  double positions = 0;
  for (int position = 50; position < 54; ++position) positions += 6 * (position + 1 - 32) + 2 * (position + 1);
  EXPECT_EQ(result.cost.cache_bytes, positions * 2 * 4 * 32);
  EXPECT_EQ(result.cost.all_operations(), 4 * 2 * active + 4 * 64 * positions);
}

TEST_F(SpeedTest, StreamsShareWhatIsReadOnce) {
  const SpeedCase one{Phase::kDecode, 2, 0, 1}, five{Phase::kDecode, 2, 0, 5};
  open("tiny-llama", {one, five});
  const auto alone = test_->run(one, 1), together = test_->run(five, 1);
  EXPECT_EQ(together.cost.weight_bytes, alone.cost.weight_bytes + 2 * 4 * 64 * 4);
  EXPECT_EQ(together.cost.cache_bytes, 5 * alone.cost.cache_bytes);
  EXPECT_EQ(float_operations(together), 5 * float_operations(alone));
  EXPECT_EQ(together.tokens_per_second(1), 10);
}

// A prompt in steps costs its weights each time and everything else once; progress tells every token.
TEST_F(SpeedTest, APromptIsComputedInBatches) {
  const SpeedCase whole{Phase::kPrefill, 20, 30, 1}, cut{Phase::kPrefill, 20, 30, 1, 8};
  open("tiny-llama", {whole, cut});
  const auto at_once = test_->run(whole, 1);
  int64_t last = 0, calls = 0;
  engine::SpeedHooks hooks;
  hooks.progress = [&](int64_t done, int64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, 2 * 20);
    last = done;
    ++calls;
  };
  const auto in_steps = test_->run(cut, 1, hooks);
  EXPECT_EQ(in_steps.steps, 3);
  EXPECT_EQ(last, 2 * 20);
  EXPECT_EQ(calls, 2 * 3);  // the depth was reached before
  EXPECT_EQ(in_steps.cost.all_operations(), at_once.cost.all_operations());
  EXPECT_GT(in_steps.cost.weight_bytes, 2 * at_once.cost.weight_bytes);
}

// Global layers see all that came before, local ones their chunk: beyond it each prompt of a chunk costs the same.
TEST_F(SpeedTest, LocalLayersCostTheSameInEachChunk) {
  const SpeedCase first{Phase::kPrefill, 32, 0, 1, 16}, second{Phase::kPrefill, 32, 32, 1, 16},
      fifth{Phase::kPrefill, 32, 128, 1, 16};
  open("tiny-scout", {first, second, fifth});
  const double in_first = test_->run(first, 1).cost.all_operations();
  const double in_second = test_->run(second, 1).cost.all_operations();
  const double in_fifth = test_->run(fifth, 1).cost.all_operations();
  int global = 0;
  for (const llama4::LayerPlan& layer : loaded_->model.config.layers) global += layer.chunked ? 0 : 1;
  const llama4::Config& config = loaded_->model.config;
  const double pairs = 4.0 * 32 * 32 * static_cast<double>(config.query_heads * config.head_width);
  EXPECT_GT(global, 0);
  EXPECT_EQ(in_second - in_first, global * pairs);
  EXPECT_EQ(in_fifth - in_first, global * 4 * pairs);
}

// Cases in any order, across chunks, at depths that need several steps to fill.
TEST_F(SpeedTest, CasesFollowEachOther) {
  const std::vector<SpeedCase> cases = {
      {Phase::kPrefill, 70, 0, 1},  {Phase::kDecode, 40, 600, 2},
      {Phase::kPrefill, 1, 600, 1}, {Phase::kPrefill, 70, 607, 1, 16},  // cannot be taken back: its chunk is gone
      {Phase::kDecode, 3, 31, 3},   {Phase::kPrefill, 70, 0, 1}};
  open("tiny-scout", cases);
  for (const SpeedCase& wanted : cases) {
    const auto result = test_->run(wanted, 2);
    EXPECT_EQ(result.seconds.size(), 2u);
    EXPECT_GT(result.cost.weight_bytes, 0);
  }
}

}  // namespace
}  // namespace paddock::test
