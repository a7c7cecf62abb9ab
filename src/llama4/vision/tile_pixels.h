// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tile's pixels as rows of patches.

#include <array>
#include <cstdint>
#include <span>

#include "llama4/vision/config.h"

namespace paddock::llama4 {

// What each byte becomes: (byte / 255 - mean) / std of its channel, in float32.
using ByteTable = std::array<std::array<float, 256>, VisionConfig::kChannels>;
ByteTable byte_table(const VisionConfig& config);

// patches: a block layout (kernels/contracts/blocks.h) of rows_in_blocks(patches + 1) rows, each a patch's channels,
// rows and columns; the rows of the class token and beyond are zero. pixels: [3, image size, image size].
void unfold(const VisionConfig& config, const ByteTable& table, std::span<const uint8_t> pixels,
            std::span<float> patches);
void unfold(const VisionConfig& config, std::span<const float> pixels, std::span<float> patches);

}  // namespace paddock::llama4
