// SPDX-License-Identifier: Apache-2.0
// The same from llama.cpp's separate file for the tower ("mmproj"). It has no ids of tokens and no number of tiles.

#include <cmath>

#include "llama4/vision/config.h"

namespace paddock::llama4 {
namespace {

// Metadata of the tower, by whole keys.
class ClipKeys {
 public:
  explicit ClipKeys(const checkpoint::Checkpoint& checkpoint)
      : metadata_(checkpoint.metadata()), source_(checkpoint.files().front().path().string()) {}

  Result<int64_t> integer(const std::string& key) const {
    const auto* found = metadata_.find(key);
    if (found == nullptr) return wrong(key, "an integer");
    if (const auto* number = std::get_if<uint64_t>(found); number && *number <= INT64_MAX)
      return static_cast<int64_t>(*number);
    if (const auto* number = std::get_if<int64_t>(found)) return *number;
    return wrong(key, "an integer");
  }
  Result<std::optional<std::string>> text(const std::string& key) const {
    const auto* found = metadata_.find(key);
    if (found == nullptr) return std::nullopt;
    if (const auto* value = std::get_if<std::string>(found)) return *value;
    return wrong(key, "a string");
  }
  Result<bool> boolean_or(const std::string& key, bool otherwise) const {
    const auto* found = metadata_.find(key);
    if (found == nullptr) return otherwise;
    if (const auto* value = std::get_if<bool>(found)) return *value;
    return wrong(key, "true or false");
  }
  Result<void> three(const std::string& key, std::array<float, 3>* values) const {
    const auto* found = metadata_.find(key);
    if (found == nullptr) return {};
    const auto* list = std::get_if<std::vector<double>>(found);
    if (list == nullptr || list->size() != 3) return wrong(key, "three floats");
    for (size_t channel = 0; channel < 3; ++channel) (*values)[channel] = static_cast<float>((*list)[channel]);
    return {};
  }
  bool has(const std::string& key) const { return metadata_.find(key) != nullptr; }
  const std::string& source() const { return source_; }

  tl::unexpected<Error> wrong(const std::string& key, std::string_view expected) const {
    return error(ErrorCode::kBadFile, "{}: metadata key {}: expected {}, found {}; convert the checkpoint again",
                 source_, key, expected, has(key) ? "something else" : "nothing");
  }

 private:
  const checkpoint::GgufMetadata& metadata_;
  std::string source_;
};

// Rows of a tensor that is a matrix.
Result<int64_t> outputs_of(const checkpoint::Checkpoint& checkpoint, const std::string& name,
                           const std::string& source) {
  const checkpoint::NamedTensor* tensor = checkpoint.find(name);
  if (tensor != nullptr && tensor->view.shape.size() == 2) return tensor->view.shape[0];
  return error(ErrorCode::kBadFile, "{}: expected a tensor {} with two extents, found {}; convert the checkpoint again",
               source, name, tensor == nullptr ? "none" : tensor::to_string(tensor->view.shape));
}

Result<void> require_llama4(const ClipKeys& keys) {
  auto projector = TRY(keys.text("clip.projector_type"));
  if (!projector) projector = TRY(keys.text("clip.vision.projector_type"));
  if (projector != "llama4")
    return error(ErrorCode::kUnsupported, "{}: clip.projector_type: expected llama4, found {}", keys.source(),
                 projector ? projector->substr(0, 80) : "nothing");
  // llama.cpp's key says that there is a GELU; which one follows from the model.
  if (TRY(keys.boolean_or("clip.use_silu", false)) || !TRY(keys.boolean_or("clip.use_gelu", true)))
    return error(ErrorCode::kUnsupported, "{}: expected GELU in the tower, found another activation", keys.source());
  return {};
}

}  // namespace

Result<VisionConfig> vision_config_from_gguf(const checkpoint::Checkpoint& checkpoint) {
  const ClipKeys keys(checkpoint);
  TRY_VOID(require_llama4(keys));
  VisionConfig config;
  config.names = TensorNames::kGguf;
  config.image_size = TRY(keys.integer("clip.vision.image_size"));
  config.patch_size = TRY(keys.integer("clip.vision.patch_size"));
  config.width = TRY(keys.integer("clip.vision.embedding_length"));
  config.layers = TRY(keys.integer("clip.vision.block_count"));
  config.heads = TRY(keys.integer("clip.vision.attention.head_count"));
  config.mlp_width = TRY(keys.integer("clip.vision.feed_forward_length"));
  if (keys.has("clip.vision.projector.scale_factor"))
    config.shuffle = TRY(keys.integer("clip.vision.projector.scale_factor"));
  TRY_VOID(keys.three("clip.vision.image_mean", &config.mean));
  TRY_VOID(keys.three("clip.vision.image_std", &config.std));
  config.adapter_inner = TRY(outputs_of(checkpoint, "mm.model.mlp.1.weight", keys.source()));
  config.adapter_width = TRY(outputs_of(checkpoint, "mm.model.mlp.2.weight", keys.source()));
  config.text_width = TRY(outputs_of(checkpoint, "mm.model.fc.weight", keys.source()));
  TRY_VOID(check_vision_config(config, keys.source()));
  return config;
}

}  // namespace paddock::llama4
