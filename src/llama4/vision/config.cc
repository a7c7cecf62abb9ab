// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"

namespace paddock::llama4 {
namespace {

// Generous, and small enough that products of three fit in 64 bits.
constexpr int64_t kMostVisionWidth = int64_t{1} << 20;

Result<void> vision_in_range(const std::string& source, const char* what, int64_t value, int64_t most) {
  if (value >= 1 && value <= most) return {};
  return error(ErrorCode::kBadFile, "{}: {}: expected 1 to {}, found {}; correct the configuration", source, what, most,
               value);
}

// What the machines' products ask for; every released model has it.
Result<void> in_sixteens(const std::string& source, const char* what, int64_t width) {
  TRY_VOID(vision_in_range(source, what, width, kMostVisionWidth));
  if (width % 16 == 0) return {};
  return error(ErrorCode::kUnsupported, "{}: {}: expected a multiple of 16, found {}", source, what, width);
}

// No value: no such file.
Result<std::optional<Json>> json_file(const std::filesystem::path& path) {
  auto text = read_text_file(path, size_t{64} << 20);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!text) return tl::unexpected(text.error());
  Json json = TRY(parse_json(*text, path.string()));
  if (!json.is_object()) return error(ErrorCode::kBadFile, "{}: expected a JSON object", path.string());
  return std::optional<Json>(std::move(json));
}

bool has_tower(const checkpoint::Checkpoint& checkpoint) {
  for (const checkpoint::NamedTensor& tensor : checkpoint.tensors())
    if (tensor.name.starts_with("vision_model.")) return true;
  return false;
}

}  // namespace

Result<void> check_vision_config(const VisionConfig& config, const std::string& source) {
  TRY_VOID(vision_in_range(source, "image_size", config.image_size, 16384));
  TRY_VOID(vision_in_range(source, "patch_size", config.patch_size, config.image_size));
  TRY_VOID(vision_in_range(source, "number of vision layers", config.layers, 10000));
  TRY_VOID(vision_in_range(source, "vision attention heads", config.heads, kMostVisionWidth));
  TRY_VOID(in_sixteens(source, "vision hidden size", config.width));
  TRY_VOID(in_sixteens(source, "vision feed-forward width", config.mlp_width));
  TRY_VOID(in_sixteens(source, "projector_input_dim", config.adapter_inner));
  TRY_VOID(in_sixteens(source, "projector_output_dim", config.adapter_width));
  TRY_VOID(in_sixteens(source, "hidden size", config.text_width));
  TRY_VOID(vision_in_range(source, "pixel shuffle factor", config.shuffle, 64));
  TRY_VOID(vision_in_range(source, "max_patches", config.most_tiles, 4096));
  if (config.image_size % config.patch_size != 0)
    return error(ErrorCode::kBadFile, "{}: expected image_size to be a multiple of patch_size, found {} and {}", source,
                 config.image_size, config.patch_size);
  if (config.side() > 1024)
    return error(ErrorCode::kBadFile, "{}: expected at most 1024 patches along a tile, found {}", source,
                 config.side());
  if (config.side() % config.shuffle != 0)
    return error(ErrorCode::kBadFile,
                 "{}: expected the {} patches along a tile to be a multiple of the pixel shuffle's {}", source,
                 config.side(), config.shuffle);
  // Rotation: half of a head's pairs turn by x, half by y.
  if (config.width % config.heads != 0 || config.head_width() % 4 != 0)
    return error(ErrorCode::kBadFile,
                 "{}: expected vision heads whose width is a multiple of 4, found {} heads of a width of {}", source,
                 config.heads, config.width);
  if (!(config.rope_theta > 0) || !std::isfinite(config.rope_theta))
    return error(ErrorCode::kBadFile, "{}: vision rope_theta: expected a positive number, found {}", source,
                 config.rope_theta);
  for (int channel = 0; channel < 3; ++channel)
    if (!std::isfinite(config.mean[channel]) || !std::isfinite(config.std[channel]) || !(config.std[channel] > 0))
      return error(ErrorCode::kBadFile,
                   "{}: image_mean and image_std: expected finite numbers and positive deviations, found {} and {}",
                   source, config.mean[channel], config.std[channel]);
  return {};
}

Result<std::optional<VisionConfig>> read_vision_config(const checkpoint::Checkpoint& checkpoint) {
  if (checkpoint.format() == checkpoint::Format::kGguf) {
    const auto* architecture = checkpoint.metadata().find("general.architecture");
    const auto* name = architecture == nullptr ? nullptr : std::get_if<std::string>(architecture);
    if (name == nullptr || *name != "clip") return std::nullopt;
    return TRY(vision_config_from_gguf(checkpoint));
  }
  const std::filesystem::path& folder = checkpoint.folder();
  const std::optional<Json> config = TRY(json_file(folder / "config.json"));
  if (!config || !has_tower(checkpoint)) return std::nullopt;
  const std::optional<Json> processor = TRY(json_file(folder / "processor_config.json"));
  const std::optional<Json> preprocessor = TRY(json_file(folder / "preprocessor_config.json"));
  return vision_config_from_json(*config, processor ? &*processor : nullptr, preprocessor ? &*preprocessor : nullptr,
                                 folder.string());
}

}  // namespace paddock::llama4
