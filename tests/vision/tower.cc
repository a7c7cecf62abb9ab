// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/tower.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "kernels/choose.h"
#include "tensor/decode.h"

namespace paddock::test {

std::optional<std::filesystem::path> vision_reference() {
  const char* named = std::getenv("PADDOCK_REFERENCE");
  const std::filesystem::path folder =
      (named != nullptr ? std::filesystem::path(named)
                        : std::filesystem::path(PADDOCK_SOURCE_DIR) / ".." / "shared" / "reference") /
      "vision";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

std::unique_ptr<Tower> load_tower(const std::filesystem::path& path, const std::string& machine, int threads) {
  const auto failed = [](const Error& error) {
    ADD_FAILURE() << error.message;
    return nullptr;
  };
  auto tower = std::make_unique<Tower>();
  auto made = kernels::make_machine(machine, threads);
  if (!made) return failed(made.error());
  tower->machine = std::move(*made);
  auto checkpoint = checkpoint::Checkpoint::open(path);
  if (!checkpoint) return failed(checkpoint.error());
  tower->checkpoint = std::make_unique<checkpoint::Checkpoint>(std::move(*checkpoint));
  const auto config = llama4::read_vision_config(*tower->checkpoint);
  if (!config) return failed(config.error());
  if (!*config) {
    ADD_FAILURE() << path << " has no vision tower";
    return nullptr;
  }
  auto model = llama4::load_vision(*tower->checkpoint, **config, tower->machine.get());
  if (!model) return failed(model.error());
  tower->model = std::move(*model);
  return tower;
}

namespace {

std::vector<std::span<const float>> tiles_of(const Tower& tower, std::span<const float> pixels) {
  const auto each = static_cast<size_t>(tower.model.config.values_per_tile());
  std::vector<std::span<const float>> tiles;
  for (size_t first = 0; first < pixels.size(); first += each) tiles.push_back(pixels.subspan(first, each));
  return tiles;
}

}  // namespace

Stages run_tower(const Tower& tower, std::span<const float> pixels, llama4::VisionArithmetic arithmetic) {
  const auto tiles = tiles_of(tower, pixels);
  auto encoder = llama4::VisionEncoder::create(tower.model, static_cast<int64_t>(tiles.size()), arithmetic);
  EXPECT_TRUE(encoder) << encoder.error().message;
  Stages stages;
  encoder->observe([&](const llama4::VisionStage& stage) { stages[stage.name] = stage; });
  encoder->begin(tiles);
  int64_t pieces = 1;
  while (encoder->advance()) ++pieces;
  EXPECT_EQ(pieces, encoder->pieces());
  return stages;
}

std::vector<std::vector<float>> embeddings_of(const Tower& tower, std::span<const float> pixels,
                                              int64_t tiles_at_once) {
  const auto tiles = tiles_of(tower, pixels);
  auto encoder = llama4::VisionEncoder::create(tower.model, tiles_at_once);
  EXPECT_TRUE(encoder) << encoder.error().message;
  std::vector<std::vector<float>> embeddings;
  for (size_t first = 0; first < tiles.size(); first += static_cast<size_t>(tiles_at_once)) {
    const auto some =
        std::span(tiles).subspan(first, std::min(static_cast<size_t>(tiles_at_once), tiles.size() - first));
    encoder->begin(some);
    while (encoder->advance()) {
    }
    for (size_t tile = 0; tile < some.size(); ++tile) {
      embeddings.emplace_back(
          static_cast<size_t>(tower.model.config.tokens_per_tile() * tower.model.config.text_width));
      encoder->read(static_cast<int64_t>(tile), embeddings.back());
    }
  }
  return embeddings;
}

Floats floats_of(const checkpoint::Checkpoint& file, const std::string& name) {
  const checkpoint::NamedTensor* tensor = file.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  if (tensor == nullptr) return {};
  Floats result{tensor->view.shape, std::vector<float>(static_cast<size_t>(tensor->view.values()))};
  tensor::decode_row(tensor->view.dtype, tensor->view.bytes.data(), result.values.data(), tensor->view.values());
  return result;
}

Difference difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  Difference found;
  for (size_t index = 0; index < std::min(a.size(), b.size()); ++index) {
    const float apart = std::abs(a[index] - b[index]);
    if (!(apart <= found.largest)) found.largest = apart;
    found.mean += apart;
  }
  found.mean /= static_cast<double>(std::max(size_t{1}, a.size()));
  return found;
}

}  // namespace paddock::test
