// SPDX-License-Identifier: Apache-2.0
// The tower against the same in double, from files of every kind, on every machine; and files that are wrong.

#include "tests/vision/random_tower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "checkpoint/test_files.h"
#include "kernels/choose.h"
#include "tests/vision/tower.h"

namespace paddock::test {
namespace {

using checkpoint::TemporaryFolder;
using tensor::DType;
using testing::HasSubstr;

std::vector<float> random_pixels(int64_t count) {
  std::vector<float> pixels;
  uint32_t state = 7;
  for (int64_t index = 0; index < count; ++index) {
    state = state * 1664525 + 1013904223;
    pixels.push_back(static_cast<float>(state >> 8) / 8388608.0f - 1);
  }
  return pixels;
}

using Case = std::tuple<std::string, DType, bool>;

class RandomTowerTest : public testing::TestWithParam<Case> {};

TEST_P(RandomTowerTest, AsInDouble) {
  const auto& [machine, dtype, gguf] = GetParam();
  RandomTower random(dtype);
  const TemporaryFolder folder;
  const auto path = folder.path() / (gguf ? "mmproj.gguf" : "model.safetensors");
  if (gguf)
    random.write_gguf(path);
  else
    random.write_hugging_face(folder.path());
  const auto tower = load_tower(path, machine);
  ASSERT_NE(tower, nullptr);
  EXPECT_EQ(tower->model.totals.tensors, static_cast<int64_t>(random.tensors.size()));
  EXPECT_EQ(tower->model.config.patch_token, gguf ? -1 : 7);
  const auto pixels = random_pixels(3 * random.config.values_per_tile());
  const auto actual = embeddings_of(*tower, pixels, 3);
  for (size_t tile = 0; tile < 3; ++tile) {
    const auto each = static_cast<size_t>(random.config.values_per_tile());
    const auto expected = random.embeddings(std::span(pixels).subspan(tile * each, each));
    ASSERT_EQ(actual[tile].size(), expected.size());
    double largest = 0, squares = 0;
    for (size_t index = 0; index < expected.size(); ++index) {
      largest = std::max(largest, std::abs(actual[tile][index] - expected[index]));
      squares += expected[index] * expected[index];
    }
    EXPECT_LE(largest, 5e-5) << "tile " << tile;
    EXPECT_GT(squares / static_cast<double>(expected.size()), 0.1);
  }
}

// safetensors have no Q8_0.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& machine : kernels::available_machines())
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0})
      for (const bool gguf : {false, true})
        if (gguf || dtype != DType::kQ8_0) all.emplace_back(machine, dtype, gguf);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Files, RandomTowerTest, testing::ValuesIn(cases()), [](const auto& test) {
  return std::get<0>(test.param) + "_" + std::string(tensor::name(std::get<1>(test.param))) +
         (std::get<2>(test.param) ? "_gguf" : "_safetensors");
});

// ---- the released width

double relative(std::span<const float> actual, std::span<const float> expected) {
  double apart = 0, squares = 0;
  for (size_t index = 0; index < expected.size(); ++index) {
    apart += std::pow(static_cast<double>(actual[index]) - expected[index], 2);
    squares += std::pow(static_cast<double>(expected[index]), 2);
  }
  return std::sqrt(apart / squares);
}

TEST(WideTowerTest, EveryMachineAsTheReference) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "instrumented code takes minutes, and narrow towers run the same code";
#endif
  const TemporaryFolder folder;
  int64_t values = 0;
  {
    const RandomTower random(DType::kBF16, wide_shape());
    random.write_hugging_face(folder.path());
    values = random.config.values_per_tile();
  }
  const auto path = folder.path() / "model.safetensors";
  const auto pixels = random_pixels(values);
  const auto reference = load_tower(path, "reference");
  ASSERT_NE(reference, nullptr);
  const auto expected = embeddings_of(*reference, pixels, 1).front();
  for (const std::string& machine : kernels::available_machines()) {
    if (machine == "reference") continue;
    const auto tower = load_tower(path, machine);
    ASSERT_NE(tower, nullptr);
    EXPECT_LE(relative(embeddings_of(*tower, pixels, 1).front(), expected), 2e-5) << machine;
    const Stages rounded = run_tower(*tower, pixels, llama4::VisionArithmetic::kBfloat16);
    EXPECT_LE(relative(rounded.at("projected").values, expected), 1e-2) << machine;
  }
}

// ---- a folder of Hugging Face made into llama.cpp's file

// What rounding to a type moves of the embeddings, at most; Q8_0 keeps 8 bits of a block's largest.
struct Conversion {
  DType from, to;
  double most;
};

class ConversionTest : public testing::TestWithParam<Conversion> {};

TEST_P(ConversionTest, SameTensorsAndEmbeddings) {
  const Conversion conversion = GetParam();
  const TemporaryFolder folder;
  RandomTower(conversion.from).write_hugging_face(folder.path());
  const auto original = load_tower(folder.path() / "model.safetensors", "auto");
  ASSERT_NE(original, nullptr);
  RandomTower converted(conversion.to);
  converted.take(*original->checkpoint);
  converted.write_gguf(folder.path() / "mmproj.gguf");
  const auto tower = load_tower(folder.path() / "mmproj.gguf", "auto");
  ASSERT_NE(tower, nullptr);
  for (const RandomTensor& tensor : converted.tensors) {
    const auto before = floats_of(*original->checkpoint, tensor.hugging_face).values;
    const auto after = floats_of(*tower->checkpoint, tensor.gguf).values;
    ASSERT_EQ(before.size(), after.size());
    if (tensor.dtype == DType::kF32 || tensor.dtype == conversion.from)
      EXPECT_EQ(before, after) << tensor.gguf;
    else
      EXPECT_LE(relative(after, before), 1e-2) << tensor.gguf;
  }
  const auto pixels = random_pixels(original->model.config.values_per_tile());
  const auto before = embeddings_of(*original, pixels, 1).front(), after = embeddings_of(*tower, pixels, 1).front();
  if (conversion.most == 0)
    EXPECT_EQ(before, after);
  else
    EXPECT_LE(relative(after, before), conversion.most);
}

// Where one machine multiplies with F32 in two terms and with BF16 in one, numbers that both hold give almost the same.
INSTANTIATE_TEST_SUITE_P(
    Types, ConversionTest,
    testing::Values(Conversion{DType::kF32, DType::kF32, 0}, Conversion{DType::kBF16, DType::kBF16, 0},
                    Conversion{DType::kBF16, DType::kF32, 2e-5}, Conversion{DType::kF32, DType::kF16, 1e-3},
                    Conversion{DType::kF32, DType::kBF16, 8e-3}, Conversion{DType::kF32, DType::kQ8_0, 2e-2}),
    [](const auto& test) {
      return std::string(tensor::name(test.param.from)) + "_to_" + std::string(tensor::name(test.param.to));
    });

// ---- what is refused

class RefusalTest : public testing::Test {
 protected:
  std::string refusal() {
    random_.write_hugging_face(folder_.path());
    if (!config_.empty()) std::ofstream(folder_.path() / "config.json") << config_;
    auto checkpoint = checkpoint::Checkpoint::open(folder_.path());
    if (!checkpoint) return checkpoint.error().message;
    const auto config = llama4::read_vision_config(*checkpoint);
    if (!config) return config.error().message;
    if (!*config) return "text alone";
    auto machine = kernels::make_machine("reference", 1);
    const auto model = llama4::load_vision(*checkpoint, **config, machine->get());
    return model ? "" : model.error().message;
  }
  void preprocessor(const std::string& text) { std::ofstream(folder_.path() / "preprocessor_config.json") << text; }
  void processor(const std::string& text) { std::ofstream(folder_.path() / "processor_config.json") << text; }

  RandomTower random_{DType::kF32};
  std::string config_;
  TemporaryFolder folder_;
};

TEST_F(RefusalTest, GoodFile) { EXPECT_EQ(refusal(), ""); }

TEST_F(RefusalTest, MissingTensor) {
  std::erase_if(random_.tensors,
                [](const RandomTensor& tensor) { return tensor.hugging_face.ends_with("layers.1.mlp.fc2.bias"); });
  EXPECT_THAT(refusal(), HasSubstr("missing tensor vision_model.model.layers.1.mlp.fc2.bias: expected [96]"));
}

TEST_F(RefusalTest, MisshapenTensor) {
  random_.named("vision_model.model.layers.0.mlp.fc1.weight").shape = {96, 224};
  EXPECT_THAT(refusal(), HasSubstr("tensor vision_model.model.layers.0.mlp.fc1.weight: expected [224, 96]"));
}

TEST_F(RefusalTest, NotFinite) {
  RandomTensor& tensor = random_.named("vision_model.model.layers.1.self_attn.v_proj.weight");
  const float infinite = INFINITY;
  std::memcpy(tensor.bytes.data() + 4 * 4242, &infinite, 4);
  EXPECT_THAT(refusal(), HasSubstr("v_proj.weight: expected finite numbers, found inf at index 4242"));
}

TEST_F(RefusalTest, ExtraTensor) {
  RandomTensor extra = random_.named("vision_model.layernorm_pre.bias");
  extra.hugging_face = "vision_model.model.layers.2.input_layernorm.bias";
  random_.tensors.push_back(extra);
  EXPECT_THAT(refusal(), HasSubstr("vision_model.model.layers.2.input_layernorm.bias [96] is of the vision tower"));
}

TEST_F(RefusalTest, TextAlone) {
  for (RandomTensor& tensor : random_.tensors) tensor.hugging_face = "text." + tensor.hugging_face;
  EXPECT_EQ(refusal(), "text alone");
}

TEST_F(RefusalTest, FilesThatDisagree) {
  processor(R"({"patch_size": 14, "pixel_shuffle_ratio": 0.5})");
  EXPECT_THAT(refusal(), HasSubstr("processor_config.json: patch_size: expected config.json's 7, found 14"));
  processor(R"({"patch_size": 7, "pixel_shuffle_ratio": 0.25})");
  EXPECT_THAT(refusal(), HasSubstr("pixel_shuffle_ratio: expected config.json's 1 / 2, found 0.25"));
  processor(R"({"patch_size": 7, "pixel_shuffle_ratio": 0.5})");
  EXPECT_EQ(refusal(), "");
}

TEST_F(RefusalTest, PreprocessingThatIsNotDone) {
  preprocessor(R"({"resize_to_max_canvas": true})");
  EXPECT_THAT(refusal(), HasSubstr("resize_to_max_canvas: expected false"));
  preprocessor(R"({"resample": 3})");
  EXPECT_THAT(refusal(), HasSubstr("resample: expected 2, bilinear, found 3"));
  preprocessor(R"({"size": {"height": 336, "width": 336}})");
  EXPECT_THAT(refusal(), HasSubstr("size: expected config.json's image_size of 42"));
  preprocessor(R"({"image_std": [0.5, 0, 0.5]})");
  EXPECT_THAT(refusal(), HasSubstr("positive deviations"));
  preprocessor(R"({"max_patches": 4, "resample": 2, "image_mean": [0.4, 0.5, 0.6]})");
  EXPECT_EQ(refusal(), "");
}

TEST_F(RefusalTest, ShapesThatDoNotFit) {
  random_.write_hugging_face(folder_.path());
  std::ifstream file(folder_.path() / "config.json");
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  const auto with = [&](const std::string& from, const std::string& to) {
    config_ = good;
    config_.replace(config_.find(from), from.size(), to);
    return refusal();
  };
  EXPECT_THAT(with("\"patch_size\": 7", "\"patch_size\": 8"), HasSubstr("multiple of patch_size"));
  EXPECT_THAT(with("\"patch_size\": 7", "\"patch_size\": 14"), HasSubstr("pixel shuffle"));
  EXPECT_THAT(with("\"num_attention_heads\": 2", "\"num_attention_heads\": 5"), HasSubstr("vision heads"));
  EXPECT_THAT(with("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"silu\""), HasSubstr("hidden_act: expected gelu"));
  EXPECT_THAT(with("0.5", "0.3"), HasSubstr("one divided by a whole number"));
}

class GgufRefusalTest : public testing::Test {
 protected:
  std::string refusal() {
    const auto path = folder_.path() / "mmproj.gguf";
    random_.write_gguf(path);
    auto checkpoint = checkpoint::Checkpoint::open(path);
    if (!checkpoint) return checkpoint.error().message;
    const auto config = llama4::read_vision_config(*checkpoint);
    if (!config) return config.error().message;
    if (!*config) return "text alone";
    auto machine = kernels::make_machine("reference", 1);
    const auto model = llama4::load_vision(*checkpoint, **config, machine->get());
    return model ? "" : model.error().message;
  }
  checkpoint::GgufValue& value(const std::string& key) {
    return std::ranges::find(random_.gguf_pairs, key, &checkpoint::GgufPair::key)->value;
  }

  RandomTower random_{DType::kF16};
  TemporaryFolder folder_;
};

TEST_F(GgufRefusalTest, GoodFile) { EXPECT_EQ(refusal(), ""); }

TEST_F(GgufRefusalTest, EveryMissingTensor) {
  const std::vector<RandomTensor> all = random_.tensors;
  for (size_t missing = 0; missing < all.size(); ++missing) {
    random_.tensors = all;
    random_.tensors.erase(random_.tensors.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_THAT(refusal(), HasSubstr("tensor " + all[missing].gguf)) << all[missing].gguf;
  }
}

TEST_F(GgufRefusalTest, MisshapenTensor) {
  random_.named("vision_model.model.layers.1.mlp.fc2.weight").shape = {224, 96};
  EXPECT_THAT(refusal(), HasSubstr("tensor v.blk.1.ffn_down.weight: expected [96, 224]"));
}

TEST_F(GgufRefusalTest, ExtraTensor) {
  RandomTensor extra = random_.named("vision_model.layernorm_pre.bias");
  extra.gguf = "v.blk.2.ln1.bias";
  random_.tensors.push_back(extra);
  EXPECT_THAT(refusal(), HasSubstr("v.blk.2.ln1.bias [96] is of the vision tower"));
}

TEST_F(GgufRefusalTest, MissingKey) {
  const auto all = random_.gguf_pairs;
  for (const char* key :
       {"image_size", "patch_size", "embedding_length", "feed_forward_length", "block_count", "attention.head_count"}) {
    random_.gguf_pairs = all;
    const std::string whole = std::string("clip.vision.") + key;
    std::erase_if(random_.gguf_pairs, [&](const checkpoint::GgufPair& pair) { return pair.key == whole; });
    EXPECT_THAT(refusal(), HasSubstr(whole + ": expected an integer, found nothing"));
  }
}

TEST_F(GgufRefusalTest, OtherTowers) {
  value("clip.projector_type") = std::string("mlp");
  EXPECT_THAT(refusal(), HasSubstr("clip.projector_type: expected llama4, found mlp"));
  value("clip.projector_type") = std::string("llama4");
  value("clip.use_gelu") = false;
  EXPECT_THAT(refusal(), HasSubstr("expected GELU"));
  value("clip.use_gelu") = true;
  value("clip.vision.image_std") = std::vector<double>{0.5, 0.5};
  EXPECT_THAT(refusal(), HasSubstr("clip.vision.image_std: expected three floats"));
  value("clip.vision.image_std") = std::vector<double>{0.5, 0.5, 0.5};
  value("clip.vision.attention.head_count") = uint64_t{5};
  EXPECT_THAT(refusal(), HasSubstr("vision heads"));
}

TEST_F(GgufRefusalTest, TextAlone) {
  value("general.architecture") = std::string("llama4");
  EXPECT_EQ(refusal(), "text alone");
}

}  // namespace
}  // namespace paddock::test
