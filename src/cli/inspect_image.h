// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a model sees of a picture: canvas, tiles, tokens, and the tiles to look at.

#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/eyes.h"
#include "image/tiles.h"

namespace paddock::cli {

struct InspectedImage {
  std::string path;
  image::Size size;     // upright
  image::Size resized;  // on the canvas
  image::Tiles tiles;
  int64_t tokens = 0;
  int64_t patch_tokens = 0;  // of these, the ones that embeddings stand in for
};

Result<InspectedImage> inspect_image(const std::string& path, const OpenVision& vision, const VisionOptions& options);

// One PNG a tile: row-1-column-1.png, global.png. Makes the folder.
Result<void> write_tiles(const InspectedImage& image, const std::filesystem::path& folder);

Json image_json(const InspectedImage& image, const std::filesystem::path& folder);
std::string image_text(const InspectedImage& image, const std::filesystem::path& folder);

}  // namespace paddock::cli
