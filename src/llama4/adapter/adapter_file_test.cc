// SPDX-License-Identifier: Apache-2.0
#include "llama4/adapter/adapter_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "checkpoint/test_files.h"
#include "llama4/adapter/test_adapter.h"

namespace paddock::llama4 {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPlainConfig = R"({"peft_type": "LORA", "r": 1, "lora_alpha": 8, "peft_version": "0.21.2"})";
const std::string kLayer0 = "base_model.model.model.layers.0.", kLayer1 = "base_model.model.model.layers.1.";

TestTensors of_queries() {
  return {{kLayer0 + "self_attn.q_proj.lora_A.weight", TestTensor::counting({2, 8})},
          {kLayer0 + "self_attn.q_proj.lora_B.weight", TestTensor::counting({8, 2})}};
}

class AdapterFiles : public ::testing::Test {
 protected:
  Result<AdapterFile> read(const TestTensors& tensors, const std::string& config = kPlainConfig,
                           const AdapterLimits& limits = {}) {
    EXPECT_TRUE(write_adapter(folder_.path(), config, tensors));
    values_.clear();
    return AdapterFile::read(folder_.path(), parameters_, &values_, limits);
  }
  float scale_with(const std::string& more, int64_t alpha = 8) {
    const auto adapter = read(of_queries(), R"({"lora_alpha": )" + std::to_string(alpha) + more + "}");
    if (!adapter) ADD_FAILURE() << adapter.error().message;
    return adapter ? adapter->updates().begin()->second.scale : 0;
  }
  std::string refusal(const TestTensors& tensors, const std::string& config = kPlainConfig,
                      const AdapterLimits& limits = {}) {
    const auto adapter = read(tensors, config, limits);
    return adapter ? "it was read" : adapter.error().message;
  }

  checkpoint::TemporaryFolder folder_;
  ParameterList parameters_ = ParameterList::of(small_model());
  std::vector<float> values_;
};

TEST_F(AdapterFiles, AMatrixHasItsUpdate) {
  const auto adapter = read(of_queries());
  ASSERT_TRUE(adapter) << adapter.error().message;
  ASSERT_EQ(adapter->updates().size(), 1u);
  const auto& [parameter, update] = *adapter->updates().begin();
  EXPECT_EQ(parameter, parameters_.layers[0].q);
  EXPECT_EQ(update.rank, 2);
  EXPECT_EQ(update.experts, 0);
  EXPECT_EQ(update.scale, 4);
  EXPECT_EQ(values_[static_cast<size_t>(update.a)], 1);
  EXPECT_EQ(values_[static_cast<size_t>(update.b) + 15], 16);
  EXPECT_EQ(adapter->rank(), 2);
}

// Experts of [8, 8] could be either; [4, 8] tells by its shape.
TEST_F(AdapterFiles, ExpertsAreToldByShapeOrByVersion) {
  for (const bool first : {true, false}) {
    const auto adapter =
        read({{kLayer1 + "feed_forward.experts.base_layer.lora_A.weight", TestTensor::counting({2, 8})},
              {kLayer1 + "feed_forward.experts.base_layer.lora_B.weight", TestTensor::counting({8, 2})},
              {kLayer1 + "feed_forward.experts.lora_A.weight", TestTensor::counting({2, first ? 8 : 4})},
              {kLayer1 + "feed_forward.experts.lora_B.weight", TestTensor::counting({first ? 4 : 8, 2})}},
             first ? kPlainConfig : R"({"lora_alpha": 8, "peft_version": "0.18.1"})");
    ASSERT_TRUE(adapter) << adapter.error().message;
    const auto wanted = first ? ExpertLayout::kInputsFirst : ExpertLayout::kOutputsFirst;
    EXPECT_EQ(adapter->updates().at(parameters_.layers[1].experts_gate_up).layout, wanted);
    EXPECT_EQ(adapter->updates().at(parameters_.layers[1].experts_down).layout, wanted);
    EXPECT_EQ(adapter->updates().at(parameters_.layers[1].experts_down).rank, 1);
  }
}

TEST_F(AdapterFiles, AScaleFollowsTheConfiguration) {
  EXPECT_EQ(scale_with(""), 4);
  EXPECT_FLOAT_EQ(scale_with(R"(, "use_rslora": true)"), 8 / std::sqrt(2.0f));
  EXPECT_EQ(scale_with(R"(, "alpha_pattern": {"k_proj": 2, "q_proj": 6})"), 3);
  EXPECT_EQ(scale_with(R"(, "alpha_pattern": {"layers.0.self_attn.q_proj": 6, "q_proj": 2})"), 3);
  EXPECT_EQ(scale_with(R"(, "alpha_pattern": {"proj": 6})"), 4) << "an ending in the middle of a word";
  EXPECT_EQ(scale_with(R"(, "rank_pattern": {"q_proj": 2}, "r": 64)"), 4) << "ranks are those of the tensors";
  EXPECT_EQ(scale_with("", -8), -4);
}

// A text model's adapter on a model with a vision part, and the other way round.
TEST_F(AdapterFiles, APrefixOfTheTextPartMayDiffer) {
  const TestTensors with = {
      {"base_model.model.language_model.model.layers.0.self_attn.q_proj.lora_A.weight", TestTensor::counting({2, 8})},
      {"base_model.model.language_model.model.layers.0.self_attn.q_proj.lora_B.weight", TestTensor::counting({8, 2})}};
  EXPECT_EQ(refusal(with), "it was read");
  parameters_ = ParameterList::of(small_model(), "language_model.");
  EXPECT_EQ(refusal(with), "it was read");
  EXPECT_EQ(refusal(of_queries()), "it was read");
  TestTensors both = with;
  both.merge(of_queries());
  EXPECT_THAT(refusal(both), HasSubstr("under two names"));
}

TEST_F(AdapterFiles, WhatIsNoPlainLowRankIsRefusedByItsKey) {
  for (const char* more :
       {R"("use_dora": true)", R"("lora_bias": true)", R"("fan_in_fan_out": true)", R"("bias": "all")",
        R"("modules_to_save": ["lm_head"])", R"("trainable_token_indices": [1])", R"("peft_type": "IA3")",
        R"("init_lora_weights": "pissa")", R"("layer_replication": [[0, 1]])", R"("alpha_pattern": {"a|b": 1})",
        R"("alpha_pattern": {"a": "b"})", R"("alpha_pattern": [1])"}) {
    const std::string key(more + 1, std::string_view(more).find('"', 1) - 1);
    EXPECT_THAT(refusal(of_queries(), std::string(R"({"lora_alpha": 8, )") + more + "}"), HasSubstr(key + ": "));
  }
  for (const char* alpha : {"\"8\"", "1e30", "null", "[8]"})
    EXPECT_THAT(refusal(of_queries(), std::string(R"({"lora_alpha": )") + alpha + "}"), HasSubstr("lora_alpha: "));
  EXPECT_THAT(refusal(of_queries(), "[]"), HasSubstr("expected an object"));
  EXPECT_EQ(refusal(of_queries(), R"({"lora_alpha": 8, "modules_to_save": null, "bias": "none", "use_dora": false,
                                      "trainable_token_indices": null, "init_lora_weights": true})"),
            "it was read");
}

TEST_F(AdapterFiles, TensorsThatDoNotFitAreRefusedByName) {
  TestTensors tensors = of_queries();
  tensors.erase(kLayer0 + "self_attn.q_proj.lora_B.weight");
  EXPECT_THAT(refusal(tensors), HasSubstr("q_proj: expected both lora_A and lora_B"));
  tensors = of_queries();
  tensors[kLayer0 + "self_attn.q_proj.lora_B.weight"] = TestTensor::counting({9, 2});
  EXPECT_THAT(refusal(tensors), HasSubstr("expected [8, 2] for this model, found [9, 2]"));
  tensors = of_queries();
  tensors[kLayer0 + "self_attn.q_proj.lora_A.weight"] = TestTensor::counting({2, 4, 2});
  EXPECT_THAT(refusal(tensors), HasSubstr("expected a matrix"));
  tensors = of_queries();
  tensors["base_model.model.lm_head.weight"] = TestTensor::counting({4, 8});
  EXPECT_THAT(refusal(tensors), HasSubstr("found base_model.model.lm_head.weight"));
  tensors = of_queries();
  tensors[kLayer0 + "self_attn.q_proj.lora_A.weight"].values[3] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(tensors), HasSubstr("lora_A.weight: expected finite numbers, found inf"));
  EXPECT_THAT(refusal({}), HasSubstr("expected"));
  EXPECT_THAT(refusal({{kLayer1 + "feed_forward.experts.lora_A.weight", TestTensor::counting({3, 8})},
                       {kLayer1 + "feed_forward.experts.lora_B.weight", TestTensor::counting({4, 3})}}),
              HasSubstr("for each of 2 experts, found 3 in all"));
}

TEST_F(AdapterFiles, LimitsHold) {
  EXPECT_THAT(refusal(of_queries(), kPlainConfig, {.rank = 1}), HasSubstr("expected a rank of at most 1, found 2"));
  EXPECT_THAT(refusal(of_queries(), kPlainConfig, {.file_bytes = 100}), HasSubstr("expected at most 100 bytes"));
}

TEST_F(AdapterFiles, ItsDigestIsOfBothFiles) {
  const Digest one = read(of_queries())->digest();
  EXPECT_EQ(read(of_queries())->digest(), one);
  EXPECT_NE(read(of_queries(), R"({"lora_alpha": 9})")->digest(), one);
  TestTensors other = of_queries();
  other.begin()->second.values[0] = 7;
  EXPECT_NE(read(other)->digest(), one);
}

}  // namespace
}  // namespace paddock::llama4
