// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/tile_pixels.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/contracts/blocks.h"

namespace paddock::llama4 {
namespace {

// value(channel, pixel of the channel)
template <typename Value>
void unfold_values(const VisionConfig& config, std::span<float> patches, const Value& value) {
  const int64_t size = config.image_size, patch_size = config.patch_size, side = config.side();
  const int64_t width = config.patch_values(), rows = kernels::rows_in_blocks(config.patches_per_tile() + 1);
  CHECK(static_cast<int64_t>(patches.size()) == rows * width);
  std::fill(patches.begin(), patches.end(), 0.0f);
  for (int64_t patch = 0; patch < config.patches_per_tile(); ++patch) {
    const int64_t first = patch / side * patch_size * size + patch % side * patch_size;
    float* row =
        patches.data() + patch / kernels::kBlockRows * width * kernels::kBlockRows + patch % kernels::kBlockRows;
    for (int64_t channel = 0; channel < VisionConfig::kChannels; ++channel)
      for (int64_t y = 0; y < patch_size; ++y)
        for (int64_t x = 0; x < patch_size; ++x, row += kernels::kBlockRows)
          *row = value(channel, first + y * size + x);
  }
}

}  // namespace

ByteTable byte_table(const VisionConfig& config) {
  ByteTable table;
  for (size_t channel = 0; channel < table.size(); ++channel)
    for (size_t byte = 0; byte < 256; ++byte)
      table[channel][byte] = (static_cast<float>(byte) / 255.0f - config.mean[channel]) / config.std[channel];
  return table;
}

void unfold(const VisionConfig& config, const ByteTable& table, std::span<const uint8_t> pixels,
            std::span<float> patches) {
  CHECK(static_cast<int64_t>(pixels.size()) == config.values_per_tile());
  const int64_t size = config.image_size * config.image_size;
  unfold_values(config, patches, [&](int64_t channel, int64_t pixel) {
    return table[static_cast<size_t>(channel)][pixels[static_cast<size_t>(channel * size + pixel)]];
  });
}

void unfold(const VisionConfig& config, std::span<const float> pixels, std::span<float> patches) {
  CHECK(static_cast<int64_t>(pixels.size()) == config.values_per_tile());
  const int64_t size = config.image_size * config.image_size;
  unfold_values(config, patches,
                [&](int64_t channel, int64_t pixel) { return pixels[static_cast<size_t>(channel * size + pixel)]; });
}

}  // namespace paddock::llama4
