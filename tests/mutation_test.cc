// SPDX-License-Identifier: Apache-2.0
// Breaks one sentence of the model at a time and sees the golden numbers fail: proof that they would notice.

#include <gtest/gtest.h>

#include <functional>

#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "llama4/rope.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

// A hundred times the tolerance: no rounding explains it.
constexpr float kBroken = 100 * kFloatTolerance;

// Scales the output of the routed experts by the gate instead of their input: what most other mixtures do.
class GateOnTheOutput : public kernels::ReferenceMachine {
 public:
  GateOnTheOutput() : ReferenceMachine(2) {}
  void experts(const kernels::Experts& op) override {
    ASSERT_EQ(op.routing.chosen, 1);
    float* gates = kernels::HostMemory::floats(op.routing.gates_TK);
    std::vector<float> kept(gates, gates + op.routing.tokens);
    std::fill_n(gates, op.routing.tokens, 1.0f);
    std::vector<float> before(kernels::HostMemory::floats(op.y_TD.address),
                              kernels::HostMemory::floats(op.y_TD.address) + op.routing.tokens * op.y_TD.width);
    ReferenceMachine::experts(op);
    for (int64_t token = 0; token < op.routing.tokens; ++token) {
      float* y = kernels::HostMemory::row(op.y_TD, token);
      for (int64_t index = 0; index < op.y_TD.width; ++index) {
        const float old = before[static_cast<size_t>(token * op.y_TD.width + index)];
        y[index] = old + kept[static_cast<size_t>(token)] * (y[index] - old);
      }
    }
  }
};

float error_of_tiny_scout(const std::function<void(llama4::Config&)>& mutate,
                          std::unique_ptr<kernels::Machine> machine = nullptr) {
  const auto folder = data_folder() / "text" / "tiny-scout";
  const auto loaded = load(folder / "model.safetensors", std::move(machine));
  const auto golden = checkpoint::Checkpoint::open(folder / "golden.safetensors");
  if (loaded == nullptr || !golden) return 0;
  mutate(loaded->model.config);
  const FloatTensor expected = floats(*golden, "logits");
  const auto logits = all_logits(*loaded, integers(*golden, "tokens"), 64);
  float largest = 0;
  for (size_t row = 0; row < logits.size(); ++row)
    largest = std::max(largest, largest_difference(expected.row(static_cast<int64_t>(row)), logits[row]));
  return largest;
}

void for_all_layers(llama4::Config& config, const std::function<void(llama4::LayerPlan&)>& change) {
  for (llama4::LayerPlan& layer : config.layers) change(layer);
}

TEST(Mutation, NoneIsExact) {
  EXPECT_LE(error_of_tiny_scout([](llama4::Config&) {}), kFloatTolerance);
}

TEST(Mutation, ChunkMask) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) {
              for_all_layers(config, [](llama4::LayerPlan& layer) { layer.chunked = false; });
            }),
            kBroken);
}

TEST(Mutation, ChunkEdgeOffByOne) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) { ++config.chunk; }), kBroken);
}

TEST(Mutation, Temperature) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) {
              for_all_layers(config, [](llama4::LayerPlan& layer) { layer.temperature = false; });
            }),
            kBroken);
}

TEST(Mutation, TemperatureFloorOffByOne) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) { ++config.floor_scale; }), kBroken);
}

TEST(Mutation, QkNorm) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) {
              for_all_layers(config, [](llama4::LayerPlan& layer) { layer.qk_norm = false; });
            }),
            kBroken);
}

TEST(Mutation, RopeScaling) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) {
              config.rope_frequencies = llama4::rope_frequencies(10000, config.head_width);
            }),
            kBroken);
}

TEST(Mutation, RopePairs) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) { config.rope_pairs = kernels::RopePairs::kHalves; }),
            kBroken);
}

TEST(Mutation, RotationInGlobalLayers) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config& config) {
              for_all_layers(config, [](llama4::LayerPlan& layer) { layer.rope = true; });
            }),
            kBroken);
}

TEST(Mutation, InputScalingOfExperts) {
  EXPECT_GT(error_of_tiny_scout([](llama4::Config&) {}, std::make_unique<GateOnTheOutput>()), kBroken);
}

}  // namespace
}  // namespace paddock::test
