// SPDX-License-Identifier: Apache-2.0
#include "cli/eyes.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/mapped_file.h"
#include "cli/open_model.h"
#include "cli/user_folders.h"
#include "engine/vision_tile_encoder.h"

namespace paddock::cli {
namespace {

constexpr size_t kRememberedTiles = size_t{64} << 20;  // bytes of pictures that were cut last

image::TilingRules rules_of(const llama4::VisionConfig& config) {
  return {.tile = config.image_size, .most_tiles = config.most_tiles};
}

// Ids that both configuration and tokenizer know are the same.
Result<void> check_ids(const OpenVision& vision, const std::string& path) {
  const auto check = [&](const char* name, int32_t configured, int32_t found) -> Result<void> {
    if (configured < 0 || configured == found) return {};
    return error(ErrorCode::kBadFile,
                 "{}: expected {} to be the token {}, as config.json says, found {} in the tokenizer; the two are of "
                 "different models",
                 path, name, configured, found);
  };
  TRY_VOID(check("<|patch|>", vision.config.patch_token, vision.tokens.patch()));
  TRY_VOID(check("<|image_start|>", vision.config.image_start_token, vision.tokens.start()));
  return check("<|image_end|>", vision.config.image_end_token, vision.tokens.end());
}

}  // namespace

void add_vision_options(CLI::App& command, VisionOptions* options) {
  command.add_option("--mmproj", options->mmproj,
                     "a GGUF file with the part that sees pictures; otherwise the model's own, if it has one");
  command.add_flag("--image-rounded", options->rounded,
                   "round activations to bfloat16 while pictures are looked at: faster where the processor multiplies "
                   "bfloat16, and less exact");
  command.add_option("--image-tiles-at-once", options->tiles_at_once, "tiles that are looked at together")
      ->check(CLI::Range(int64_t{1}, int64_t{64}))
      ->capture_default_str();
  command
      .add_option("--image-cache-bytes", options->kept_bytes,
                  "for what was seen, so that the same picture is looked at once; a request's pictures have to fit")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  command.add_option("--image-bytes", options->limits.file.bytes, "of a picture's file at most")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 32))
      ->capture_default_str();
  command.add_option("--image-pixels", options->limits.file.pixels, "of a picture at most; checked before decoding")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 32))
      ->capture_default_str();
  command.add_option("--images", options->limits.pictures, "pictures of a request at most")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->capture_default_str();
  command.add_option("--image-tiles", options->limits.tiles, "tiles of a request's pictures at most")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->capture_default_str();
}

Result<std::optional<OpenVision>> open_vision(const OpenModel& open, const VisionOptions& options) {
  OpenVision vision;
  if (!options.mmproj.empty())
    vision.file = std::make_unique<checkpoint::Checkpoint>(TRY(checkpoint::Checkpoint::open(options.mmproj)));
  const checkpoint::Checkpoint& file = vision.file ? *vision.file : open.checkpoint;
  const std::string& path = vision.file ? options.mmproj : open.path;
  const auto config = TRY(llama4::read_vision_config(file));
  if (!config && vision.file)
    return error(ErrorCode::kBadFile, "{}: expected the part of a model that sees pictures, found none", path);
  if (!config) return std::nullopt;
  vision.config = *config;
  if (vision.config.text_width != open.config.width)
    return error(ErrorCode::kBadFile,
                 "{}: expected what is seen to be {} numbers wide, as the text model {}, found {}; the two are of "
                 "different models",
                 path, open.config.width, open.path, vision.config.text_width);
  vision.totals = TRY(llama4::load_vision_weights(file, vision.config, nullptr)).totals;
  if (!open.text.tokenizer)
    return error(ErrorCode::kNotFound, "{}: expected a tokenizer for prompts with pictures, found none", open.path);
  vision.tokens = TRY(text::ImageTokens::find(*open.text.tokenizer, vision.config.tokens_per_tile()));
  TRY_VOID(check_ids(vision, path));
  log_info("sees pictures: {} layers of width {}, tiles of {} pixels that take {} tokens, at most {} and one of all",
           vision.config.layers, vision.config.width, vision.config.image_size, vision.config.tokens_per_tile(),
           vision.config.most_tiles);
  return vision;
}

size_t vision_bytes(const OpenVision& vision, const VisionOptions& options, const kernels::Machine& machine) {
  return vision.totals.bytes + llama4::VisionEncoder::bytes(vision.config, options.tiles_at_once) +
         llama4::VisionEncoder::private_bytes(vision.config, machine) + options.kept_bytes + kRememberedTiles +
         static_cast<size_t>(options.decoders) * image::decoding_bytes(options.limits.file);
}

std::unique_ptr<prompt::PictureReader> make_picture_reader(const OpenVision& vision, const VisionOptions& options) {
  return std::make_unique<prompt::PictureReader>(vision.tokens, rules_of(vision.config), options.limits,
                                                 kRememberedTiles, options.fetch);
}

Result<Eyes> open_eyes(const OpenModel& open, const OpenVision& vision, const VisionOptions& options,
                       kernels::Machine* machine) {
  Eyes eyes;
  eyes.model = std::make_unique<llama4::VisionModel>(
      TRY(llama4::load_vision(vision.file ? *vision.file : open.checkpoint, vision.config, machine)));
  auto encoder = TRY(llama4::VisionEncoder::create(
      *eyes.model, options.tiles_at_once,
      options.rounded ? llama4::VisionArithmetic::kBfloat16 : llama4::VisionArithmetic::kExact));
  eyes.store = std::make_shared<engine::PictureStore>(
      std::make_unique<engine::VisionTileEncoder>(vision.config, std::move(encoder)), options.kept_bytes);
  eyes.reader = make_picture_reader(vision, options);
  return eyes;
}

Result<Json> content_with_pictures(const std::vector<std::string>& paths, std::string_view text) {
  if (paths.empty()) return Json(text);
  Json parts = Json::array();
  for (const std::string& path : paths) {
    const std::string file = TRY(read_text_file(user_path(path), size_t{1} << 30));
    const std::span bytes(reinterpret_cast<const std::byte*>(file.data()), file.size());
    image::Limits any;
    any.bytes = size_t{1} << 30;
    any.pixels = int64_t{1} << 40;
    if (const auto size = image::read_size(bytes, any); !size)
      return error(size.error().code, "{}: {}", path, size.error().message);
    parts.push_back(prompt::picture_part(file));
  }
  if (!text.empty()) parts.push_back({{"type", "text"}, {"text", text}});
  return parts;
}

}  // namespace paddock::cli
