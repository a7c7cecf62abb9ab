// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tower with everything that it needs to stay alive, and what it makes of tiles.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "llama4/vision/encoder.h"

namespace paddock::test {

// The reference set: environment variable PADDOCK_REFERENCE, default ../shared/reference.
std::optional<std::filesystem::path> vision_reference();

struct Tower {
  std::unique_ptr<kernels::Machine> machine;
  std::unique_ptr<checkpoint::Checkpoint> checkpoint;
  llama4::VisionModel model;
};

// Fails the test with the loader's sentence when loading fails.
std::unique_ptr<Tower> load_tower(const std::filesystem::path& path, const std::string& machine, int threads = 2);

using Stages = std::map<std::string, llama4::VisionStage>;

// All stages of these tiles at once, [tiles, 3, S, S].
Stages run_tower(const Tower& tower, std::span<const float> pixels,
                 llama4::VisionArithmetic arithmetic = llama4::VisionArithmetic::kExact);

// Embeddings alone, one vector a tile.
std::vector<std::vector<float>> embeddings_of(const Tower& tower, std::span<const float> pixels, int64_t tiles_at_once);

struct Floats {
  tensor::Shape shape;
  std::vector<float> values;
};
Floats floats_of(const checkpoint::Checkpoint& file, const std::string& name);

struct Difference {
  float largest = 0;
  double mean = 0;
};
Difference difference(std::span<const float> a, std::span<const float> b);

}  // namespace paddock::test
