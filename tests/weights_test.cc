// SPDX-License-Identifier: Apache-2.0
// A checkpoint is taken whole or refused with the tensor's name.

#include "llama4/weights.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "checkpoint/safetensors_writer.h"
#include "kernels/reference/machine.h"

namespace paddock::llama4 {
namespace {

namespace fs = std::filesystem;

// tiny-odd's tensors, which a test may change before they are written and loaded again.
struct Edit {
  std::string name;
  tensor::Shape shape;
  tensor::DType dtype;
  std::vector<std::byte> bytes;
};

class WeightsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("paddock_weights_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    const auto source = checkpoint::Checkpoint::open(PADDOCK_SOURCE_DIR "/tests/data/text/tiny-odd/model.safetensors");
    ASSERT_TRUE(source) << source.error().message;
    config_ = read_config(*source).value().config;
    for (const auto& tensor : source->tensors())
      edits_.push_back(
          {tensor.name, tensor.view.shape, tensor.view.dtype, {tensor.view.bytes.begin(), tensor.view.bytes.end()}});
  }
  void TearDown() override { fs::remove_all(folder_); }

  Edit& edit(const std::string& name) {
    for (Edit& each : edits_)
      if (each.name == name) return each;
    ADD_FAILURE() << name;
    return edits_.front();
  }

  // "" when it loads, else the sentence.
  std::string load() {
    std::vector<checkpoint::TensorToWrite> tensors;
    for (const Edit& each : edits_) tensors.push_back({each.name, {each.dtype, each.shape, each.bytes}});
    const fs::path path = folder_ / "model.safetensors";
    const auto written = checkpoint::write_safetensors(path, tensors);
    if (!written) return written.error().message;
    const auto opened = checkpoint::Checkpoint::open(path);
    if (!opened) return opened.error().message;
    kernels::ReferenceMachine machine(1);
    const auto loaded = load_weights(*opened, config_, &machine);
    if (loaded) totals_ = loaded->totals;
    return loaded ? "" : loaded.error().message;
  }

  void expect_refusal(const std::string& words) {
    const std::string message = load();
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_NE(message.find("model.safetensors"), std::string::npos) << message;
  }

  fs::path folder_;
  Config config_;
  WeightTotals totals_;
  std::vector<Edit> edits_;
};

TEST_F(WeightsTest, TakesAllOfIt) {
  EXPECT_EQ(load(), "");
  EXPECT_EQ(totals_.text_parameters, totals_.parameters);
  // Three MoE layers of five experts, two of them at work: three idle.
  EXPECT_EQ(totals_.parameters - totals_.active_parameters, 3 * 3 * 3 * 48 * 96);
  EXPECT_EQ(totals_.expert_parameters, 3 * 5 * 3 * 48 * 96);
}

TEST_F(WeightsTest, MissingTensor) {
  std::erase_if(edits_, [](const Edit& each) { return each.name == "model.layers.2.self_attn.k_proj.weight"; });
  expect_refusal("missing tensor model.layers.2.self_attn.k_proj.weight: expected [24, 48]");
}

TEST_F(WeightsTest, ExtraTensor) {
  Edit extra = edits_.front();
  extra.name = "model.layers.9.mystery.weight";
  edits_.push_back(extra);
  expect_refusal("1 extra tensor that the configuration does not call for, the first is model.layers.9.mystery.weight");
}

TEST_F(WeightsTest, VisionTensorsAreNotExtra) {
  Edit vision = edits_.front();
  vision.name = "vision_model.patch_embedding.linear.weight";
  edits_.push_back(vision);
  EXPECT_EQ(load(), "");
  ASSERT_EQ(totals_.unused.size(), 1u);
  EXPECT_EQ(totals_.unused[0], "1 tensors: vision");
  EXPECT_EQ(totals_.parameters - totals_.text_parameters, 1024 * 48);
}

TEST_F(WeightsTest, MisshapedTensor) {
  std::swap(edit("model.layers.1.self_attn.q_proj.weight").shape[0],
            edit("model.layers.1.self_attn.q_proj.weight").shape[1]);
  expect_refusal(
      "tensor model.layers.1.self_attn.q_proj.weight: expected [96, 48] as the configuration says, found [48, 96]");
}

TEST_F(WeightsTest, IntegersAreNotWeights) {
  edit("model.layers.1.self_attn.q_proj.weight").dtype = tensor::DType::kI16;
  expect_refusal("expected floating-point or block-quantised weights, found I16");
}

TEST_F(WeightsTest, NanInANorm) {
  Edit& norm = edit("model.layers.3.post_attention_layernorm.weight");
  norm.bytes[10] = std::byte{0xC0};
  norm.bytes[11] = std::byte{0x7F};  // bf16 NaN
  expect_refusal(
      "tensor model.layers.3.post_attention_layernorm.weight: expected finite numbers, found nan at index 5");
}

TEST_F(WeightsTest, InfinityInTheFinalNorm) {
  Edit& norm = edit("model.norm.weight");
  norm.bytes[0] = std::byte{0x80};
  norm.bytes[1] = std::byte{0x7F};
  expect_refusal("tensor model.norm.weight: expected finite numbers, found inf");
}

TEST_F(WeightsTest, EightBitFloatsNeedTheirScales) {
  Edit& weight = edit("model.layers.0.feed_forward.up_proj.weight");
  weight.dtype = tensor::DType::kF8E4M3;
  weight.bytes.resize(weight.bytes.size() / 2);
  expect_refusal("is F8_E4M3: expected model.layers.0.feed_forward.up_proj.weight_scale");
}

}  // namespace
}  // namespace paddock::llama4
