// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_image.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "base/mapped_file.h"
#include "base/new_file.h"
#include "image/decode.h"
#include "image/png_writer.h"

namespace paddock::cli {
namespace {

std::string name_of_tile(const image::Canvas& canvas, int64_t tile) {
  if (tile == canvas.rows * canvas.columns) return "global.png";
  return fmt::format("row-{}-column-{}.png", tile / canvas.columns + 1, tile % canvas.columns + 1);
}

// [3, S, S] to [S, S, 3].
std::vector<uint8_t> interleaved(std::span<const uint8_t> planes) {
  const size_t pixels = planes.size() / 3;
  std::vector<uint8_t> rgb(planes.size());
  for (size_t pixel = 0; pixel < pixels; ++pixel)
    for (size_t channel = 0; channel < 3; ++channel) rgb[pixel * 3 + channel] = planes[channel * pixels + pixel];
  return rgb;
}

}  // namespace

Result<InspectedImage> inspect_image(const std::string& path, const OpenVision& vision, const VisionOptions& options) {
  const std::string file = TRY(read_text_file(path, options.limits.file.bytes));
  const auto picture =
      image::decode({reinterpret_cast<const std::byte*>(file.data()), file.size()}, options.limits.file);
  if (!picture) return error(picture.error().code, "{}: {}", path, picture.error().message);
  const image::TilingRules rules{.tile = vision.config.image_size, .most_tiles = vision.config.most_tiles};
  InspectedImage image;
  image.path = path;
  image.size = {picture->width, picture->height};
  image.tiles = image::cut_tiles(*picture, rules);
  const image::Canvas& canvas = image.tiles.canvas;
  image.resized = image::resized_size(picture->width, picture->height, canvas, rules);
  image.tokens = vision.tokens.count({canvas.rows, canvas.columns});
  image.patch_tokens = canvas.tiles() * vision.tokens.tokens_per_tile();
  return image;
}

Result<void> write_tiles(const InspectedImage& image, const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return error(ErrorCode::kIo, "{}: expected a folder that can be made, found: {}", folder.string(),
                 failed.message());
  const int64_t side = image.tiles.tile;
  const auto bytes = static_cast<size_t>(3 * side * side);
  for (int64_t tile = 0; tile < image.tiles.canvas.tiles(); ++tile) {
    const auto planes = std::span(image.tiles.planes).subspan(static_cast<size_t>(tile) * bytes, bytes);
    auto file = TRY(NewFile::create(folder / name_of_tile(image.tiles.canvas, tile)));
    TRY_VOID(file.write(image::write_png(side, side, interleaved(planes))));
    TRY_VOID(file.commit());
  }
  return {};
}

Json image_json(const InspectedImage& image, const std::filesystem::path& folder) {
  const image::Canvas& canvas = image.tiles.canvas;
  return {{"path", image.path},
          {"width", image.size.width},
          {"height", image.size.height},
          {"rows", canvas.rows},
          {"columns", canvas.columns},
          {"resized_width", image.resized.width},
          {"resized_height", image.resized.height},
          {"tile", image.tiles.tile},
          {"tiles", canvas.tiles()},
          {"tokens", image.tokens},
          {"patch_tokens", image.patch_tokens},
          {"written_to", folder.string()}};
}

std::string image_text(const InspectedImage& image, const std::filesystem::path& folder) {
  const image::Canvas& canvas = image.tiles.canvas;
  return fmt::format(
      "{}: {} x {} pixels, as {} x {} on a canvas of {} rows and {} columns of tiles\n"
      "  tiles   {}{}, {} pixels a side\n"
      "  tokens  {}, {} of them patches\n"
      "  look    {}\n",
      image.path, image.size.width, image.size.height, image.resized.width, image.resized.height, canvas.rows,
      canvas.columns, canvas.tiles(), canvas.has_global_tile() ? ", the last one of the whole picture" : "",
      image.tiles.tile, image.tokens, image.patch_tokens, (folder / "*.png").string());
}

}  // namespace paddock::cli
