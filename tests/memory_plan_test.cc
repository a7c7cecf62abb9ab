// SPDX-License-Identifier: Apache-2.0
#include "llama4/memory_plan.h"

#include <gtest/gtest.h>

#include "kernels/reference/machine.h"

namespace paddock::llama4 {
namespace {

// Scout's shape.
Config scout() {
  Config config;
  config.width = 5120;
  config.vocabulary = 202048;
  config.query_heads = 40;
  config.kv_heads = 8;
  config.head_width = 128;
  config.expert_width = 8192;
  config.experts = 16;
  config.experts_per_token = 1;
  config.context = 10485760;
  config.chunk = 8192;
  for (int layer = 0; layer < 48; ++layer) {
    const bool rope = layer % 4 != 3;
    config.layers.push_back({.rope = rope, .qk_norm = rope, .temperature = !rope, .chunked = rope, .moe = true});
  }
  return config;
}

TEST(MemoryPlan, ScoutsCacheIsGlobalLayersPlusOneChunk) {
  kernels::ReferenceMachine machine(2);
  WeightTotals totals;
  totals.bytes = 1000;
  const auto plan = plan_memory(scout(), totals, {.context = 1048576, .limits = {.tokens = 512, .logits = 1}}, machine);
  ASSERT_TRUE(plan);
  // 12 global layers: 48 KiB a position. 36 local layers: one chunk, one step and two part pages, 144 KiB a position.
  EXPECT_EQ(plan->cache_bytes, 1048576ull * 48 * 1024 + 137ull * 64 * 144 * 1024);
  for (const auto& [dtype, row] : {std::pair{tensor::DType::kF32, 512u},
                                   {tensor::DType::kBF16, 256u},
                                   {tensor::DType::kQ8_0, 136u},
                                   {tensor::DType::kQ4_1, 80u}}) {
    const auto other =
        plan_memory(scout(), totals,
                    {.context = 1048576, .limits = {.tokens = 512, .logits = 1}, .cache = {.format = dtype}}, machine);
    EXPECT_EQ(other->cache_bytes, (1048576ull * 12 + 137ull * 64 * 36) * 16 * row) << tensor::name(dtype);
  }
  EXPECT_EQ(plan->weight_bytes, 1000u);
  EXPECT_EQ(plan->total_bytes(), plan->weight_bytes + plan->cache_bytes + plan->scratch_bytes);
  EXPECT_EQ(plan->peak_bytes(), plan->total_bytes() + plan->program_bytes);
  // Without products, the reference's own is a page of keys and values for each thread.
  EXPECT_EQ(plan->scratch_bytes, activation_bytes(scout(), plan->limits) + 2 * 64 * (2 * 128 + 1) * sizeof(float));
  EXPECT_GT(plan->program_bytes, 0u);
}

TEST(MemoryPlan, NothingMeansTheCheckpointsLimit) {
  kernels::ReferenceMachine machine(2);
  EXPECT_EQ(plan_memory(scout(), {}, {}, machine)->context, 10485760);
  EXPECT_EQ(plan_memory(scout(), {}, {.context = 7}, machine)->limits.tokens, 7);
}

TEST(MemoryPlan, RefusesABeyondTheCheckpointAndWhatDoesNotFit) {
  kernels::ReferenceMachine machine(2);
  const auto beyond = plan_memory(scout(), {}, {.context = 10485761}, machine);
  ASSERT_FALSE(beyond);
  EXPECT_NE(beyond.error().message.find("expected 1 to 10485760, the checkpoint's limit, found 10485761"),
            std::string::npos);
  const auto plan = plan_memory(scout(), {}, {.context = 8192}, machine);
  EXPECT_TRUE(require_fit(*plan, plan->total_bytes()));
  const auto refused = require_fit(*plan, plan->total_bytes() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kOutOfMemory);
  EXPECT_NE(refused.error().message.find(std::to_string(plan->cache_bytes)), std::string::npos);
}

TEST(MemoryPlan, ActivationsTakeWhatThePlanSays) {
  kernels::ReferenceMachine machine(1);
  Config config = scout();
  config.vocabulary = 100;
  const StepLimits limits{.tokens = 3, .logits = 2};
  const auto activations = allocate_activations(config, limits, &machine);
  ASSERT_TRUE(activations);
  EXPECT_EQ(activations->memory.bytes(), activation_bytes(config, limits));
  EXPECT_EQ(activations->logits_RV.width, 100);
}

// The widest output-major product needs a row, an input-major one a sum for each row and 64 outputs; experts are split
// among the tokens' rows.
TEST(MemoryPlan, ProductsThatRunInFloatsKeepRowsOrSums) {
  kernels::ReferenceMachine machine(2);
  kernels::StepShape step{.tokens = 100, .width = 64, .head_width = 1, .page_positions = 1};
  step.products.push_back({.inputs = 9000, .rows = 100, .matrices = {{}}});
  EXPECT_EQ(machine.private_bytes(step), 2 * 9000 * sizeof(float));
  const kernels::ProductSet::Stored input_major{tensor::DType::kBF16, kernels::MatrixOrder::kInputMajor};
  step.products.push_back({.inputs = 64, .rows = 300, .matrices = {input_major}});
  EXPECT_EQ(machine.private_bytes(step), 2 * 301 * 64 * sizeof(float));
  step.products.back().groups = 8;  // a token goes to an expert once at most
  EXPECT_EQ(machine.private_bytes(step), 2 * 9000 * sizeof(float));
}

TEST(AvailableMemory, IsKnownHere) { EXPECT_GT(available_memory(), size_t{1} << 20); }

}  // namespace
}  // namespace paddock::llama4
