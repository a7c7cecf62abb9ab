// SPDX-License-Identifier: Apache-2.0
// The tower against what Hugging Face's code computes: every stage of the small multimodal checkpoint, on every
// machine.

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "kernels/choose.h"
#include "llama4/vision/rotation.h"
#include "tests/vision/tower.h"

namespace paddock::test {
namespace {

class StagesTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto reference = vision_reference();
    if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
    folder_ = *reference / "tiny-vision";
    tower_ = load_tower(folder_ / "model.safetensors", GetParam());
    ASSERT_NE(tower_, nullptr);
    auto golden = checkpoint::Checkpoint::open(folder_ / "golden.safetensors");
    ASSERT_TRUE(golden) << golden.error().message;
    golden_ = std::make_unique<checkpoint::Checkpoint>(std::move(*golden));
    json_ = parse_json(read_text_file(folder_ / "golden.json").value(), "golden.json").value();
  }

  std::filesystem::path folder_;
  std::unique_ptr<Tower> tower_;
  std::unique_ptr<checkpoint::Checkpoint> golden_;
  Json json_;
};

const char* const kStages[] = {"patches", "embedded", "ln_pre",   "layer0",  "layer1",
                               "layer2",  "ln_post",  "shuffled", "adapter", "projected"};
const char* const kCases[] = {"t1", "t2", "t5", "mixed"};

TEST_P(StagesTest, WithinToleranceOfFloat32) {
  for (const std::string name : kCases) {
    const Stages stages = run_tower(*tower_, floats_of(*golden_, name + ".pixel_values").values);
    for (const std::string stage : kStages) {
      const Floats expected = floats_of(*golden_, name + "." + stage);
      ASSERT_TRUE(stages.contains(stage)) << stage;
      const llama4::VisionStage& actual = stages.at(stage);
      EXPECT_EQ(expected.shape, (tensor::Shape{actual.tiles, actual.rows, actual.width})) << stage;
      const double tolerance = json_.at("tensors").at(name + "." + stage).at("tolerance").get<double>();
      const Difference found = difference(actual.values, expected.values);
      EXPECT_LE(found.largest, tolerance) << name << " " << stage;
      RecordProperty(name + "_" + stage, std::to_string(found.largest / tolerance));
    }
  }
}

// The faster arithmetic loses no more than Hugging Face's own bfloat16 does.
TEST_P(StagesTest, RoundedStaysAsCloseAsBfloat16) {
  for (const std::string name : kCases) {
    const Stages stages =
        run_tower(*tower_, floats_of(*golden_, name + ".pixel_values").values, llama4::VisionArithmetic::kBfloat16);
    for (const std::string stage : kStages) {
      const Json& facts = json_.at("tensors").at(name + "." + stage);
      const Difference found = difference(stages.at(stage).values, floats_of(*golden_, name + "." + stage).values);
      EXPECT_LE(found.mean, facts.at("bfloat16_mean").get<double>()) << name << " " << stage;
      RecordProperty(name + "_" + stage + "_mean",
                     std::to_string(found.mean / facts.at("bfloat16_mean").get<double>()));
    }
  }
}

TEST_P(StagesTest, ATileDoesNotDependOnItsCompany) {
  const auto pixels = floats_of(*golden_, "mixed.pixel_values").values;
  const auto alone = embeddings_of(*tower_, pixels, 1);
  ASSERT_EQ(alone.size(), 6u);
  EXPECT_EQ(alone, embeddings_of(*tower_, pixels, 6));
  EXPECT_EQ(alone, embeddings_of(*tower_, pixels, 4));
  const auto other_threads = load_tower(folder_ / "model.safetensors", GetParam(), 3);
  ASSERT_NE(other_threads, nullptr);
  EXPECT_EQ(alone, embeddings_of(*other_threads, pixels, 6));
}

// Bytes in place of normalised numbers: the table of bytes is the models' own in float32.
TEST_P(StagesTest, BytesAreNormalised) {
  const llama4::VisionConfig& config = tower_->model.config;
  std::vector<uint8_t> bytes(static_cast<size_t>(config.values_per_tile()));
  std::vector<float> numbers(bytes.size());
  for (size_t index = 0; index < bytes.size(); ++index) {
    bytes[index] = static_cast<uint8_t>(index * 7 + index / 256);
    numbers[index] = (static_cast<float>(bytes[index]) / 255.0f - 0.5f) / 0.5f;
  }
  const auto from_numbers = embeddings_of(*tower_, numbers, 1);
  auto encoder = llama4::VisionEncoder::create(tower_->model, 1);
  ASSERT_TRUE(encoder);
  const std::span<const uint8_t> tile(bytes);
  encoder->begin({&tile, 1});
  while (encoder->advance()) {
  }
  std::vector<float> embeddings(from_numbers[0].size());
  encoder->read(0, embeddings);
  EXPECT_EQ(embeddings, from_numbers[0]);
}

INSTANTIATE_TEST_SUITE_P(Machines, StagesTest, testing::ValuesIn(kernels::available_machines()),
                         [](const auto& test) { return test.param; });

TEST(TowerGeometry, RotationOfTheRealTile) {
  const auto reference = vision_reference();
  if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
  const auto file = checkpoint::Checkpoint::open(*reference / "geometry.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  llama4::VisionConfig config;
  config.image_size = 336;
  config.patch_size = 14;
  config.width = 1408;
  config.heads = 16;
  const llama4::TileRotation rotation = llama4::tile_rotation(config);
  // An angle of 24 radians has an error of 1e-6 in float32 already.
  EXPECT_LE(difference(rotation.cosines, floats_of(*file, "rope_cos").values).largest, 4e-6f);
  EXPECT_LE(difference(rotation.sines, floats_of(*file, "rope_sin").values).largest, 4e-6f);
}

TEST(TowerGeometry, PixelShuffleOfTheRealTile) {
  const auto reference = vision_reference();
  if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
  const auto file = checkpoint::Checkpoint::open(*reference / "geometry.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  const checkpoint::NamedTensor* tensor = file->find("shuffle_source");
  ASSERT_NE(tensor, nullptr);
  std::vector<int32_t> source(static_cast<size_t>(tensor->view.values()));
  std::memcpy(source.data(), tensor->view.bytes.data(), tensor->view.bytes.size());
  ASSERT_EQ(source.size(), 576u);
  for (const std::string& name : kernels::available_machines()) {
    auto machine = kernels::make_machine(name, 2);
    ASSERT_TRUE(machine);
    constexpr int64_t kTiles = 2, kWidth = 16, kRows = 592;
    auto from = (*machine)->allocate(kTiles * kRows * kWidth * sizeof(float));
    auto to = (*machine)->allocate(kTiles * 144 * 4 * kWidth * sizeof(float));
    ASSERT_TRUE(from && to);
    std::vector<float> values(kTiles * kRows * kWidth), shuffled(kTiles * 144 * 4 * kWidth);
    const auto place = [](int64_t row, int64_t index, int64_t width) {
      return static_cast<size_t>((row / 16 * width + index) * 16 + row % 16);
    };
    const auto value = [](int64_t row, int64_t index) { return static_cast<float>(row * kWidth + index); };
    for (int64_t row = 0; row < kTiles * kRows; ++row)
      for (int64_t index = 0; index < kWidth; ++index) values[place(row, index, kWidth)] = value(row, index);
    (*machine)->write(std::as_bytes(std::span(values)), from->address());
    (*machine)->pixel_shuffle({.x = {from->address(), kTiles * kRows, kWidth},
                               .x_tile_rows = kRows,
                               .side = 24,
                               .factor = 2,
                               .y = {to->address(), kTiles * 144, 4 * kWidth},
                               .y_tile_rows = 144});
    (*machine)->read(to->address(), std::as_writable_bytes(std::span(shuffled)));
    for (int64_t tile = 0; tile < kTiles; ++tile)
      for (int64_t token = 0; token < 144; ++token)
        for (int64_t index = 0; index < 4 * kWidth; ++index)
          ASSERT_EQ(shuffled[place(tile * 144 + token, index, 4 * kWidth)],
                    value(tile * kRows + source[static_cast<size_t>(token * 4 + index / kWidth)], index % kWidth));
  }
}

}  // namespace
}  // namespace paddock::test
