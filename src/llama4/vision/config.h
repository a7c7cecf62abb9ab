// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a checkpoint says about pictures, decided once: the shapes of the tower that turns tiles into tokens, and how
// pictures become tiles.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "llama4/config.h"

namespace paddock::llama4 {

struct VisionConfig {
  TensorNames names = TensorNames::kHuggingFaceLlama4;

  int64_t image_size = 0;  // pixels of a tile's side
  int64_t patch_size = 0;  // pixels of a patch's side
  int64_t width = 0;       // W
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t mlp_width = 0;
  double rope_theta = 10000;
  int64_t shuffle = 2;        // patches of a token's side: 1 / pixel_shuffle_ratio
  int64_t adapter_inner = 0;  // outputs of the adapter's first product
  int64_t adapter_width = 0;  // of its second
  int64_t text_width = 0;     // D

  int64_t most_tiles = 16;                      // of a picture, the global one not counted
  std::array<float, 3> mean = {.5f, .5f, .5f};  // of a channel's values in [0, 1]
  std::array<float, 3> std = {.5f, .5f, .5f};

  // Ids of config.json; -1 where the file does not say.
  int32_t patch_token = -1;
  int32_t image_start_token = -1;
  int32_t image_end_token = -1;

  int64_t head_width() const { return width / heads; }
  int64_t side() const { return image_size / patch_size; }  // patches
  int64_t patches_per_tile() const { return side() * side(); }
  int64_t patch_values() const { return kChannels * patch_size * patch_size; }
  int64_t tokens_per_tile() const { return patches_per_tile() / (shuffle * shuffle); }
  int64_t values_per_tile() const { return kChannels * image_size * image_size; }
  int64_t shuffled_width() const { return width * shuffle * shuffle; }

  static constexpr int64_t kChannels = 3;
  // The models' own code computes with this, whatever norm_eps says.
  static constexpr float kNormEpsilon = 1e-5f;
};

// Of an opened checkpoint: config.json beside the safetensors, with the processor's two files where they are there, or
// the metadata of llama.cpp's separate file for the tower. No value: the checkpoint has text alone.
Result<std::optional<VisionConfig>> read_vision_config(const checkpoint::Checkpoint& checkpoint);

// From config.json; `processor` and `preprocessor` null where there is no such file. `folder` names the three in
// errors.
Result<std::optional<VisionConfig>> vision_config_from_json(const Json& config, const Json* processor,
                                                            const Json* preprocessor, const std::string& folder);

// From a GGUF whose architecture is "clip".
Result<VisionConfig> vision_config_from_gguf(const checkpoint::Checkpoint& checkpoint);

// Shapes that fit each other and that no arithmetic later can overflow.
Result<void> check_vision_config(const VisionConfig& config, const std::string& source);

}  // namespace paddock::llama4
