// SPDX-License-Identifier: Apache-2.0
#include "llama4/config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"

namespace paddock::llama4 {
namespace {

// Generous bounds: a hundred times the largest known model, and small enough that products of three fit in 64 bits.
constexpr int64_t kMostLayers = 10000;
constexpr int64_t kMostExperts = 100000;
constexpr int64_t kMostWidth = int64_t{1} << 24;
constexpr int64_t kMostPositions = int64_t{1} << 40;

Result<void> in_range(const std::string& source, const char* what, int64_t value, int64_t most) {
  if (value >= 1 && value <= most) return {};
  return error(ErrorCode::kBadFile, "{}: {}: expected 1 to {}, found {}; correct the configuration", source, what, most,
               value);
}

}  // namespace

Result<void> check_config(const Config& config, const std::string& source) {
  TRY_VOID(in_range(source, "number of layers", static_cast<int64_t>(config.layers.size()), kMostLayers));
  TRY_VOID(in_range(source, "hidden size", config.width, kMostWidth));
  TRY_VOID(in_range(source, "vocabulary", config.vocabulary, kMostWidth));
  TRY_VOID(in_range(source, "attention heads", config.query_heads, kMostWidth));
  TRY_VOID(in_range(source, "key/value heads", config.kv_heads, config.query_heads));
  TRY_VOID(in_range(source, "head width", config.head_width, kMostWidth / config.query_heads));
  TRY_VOID(in_range(source, "context", config.context, kMostPositions));
  if (config.query_heads % config.kv_heads != 0)
    return error(ErrorCode::kBadFile,
                 "{}: expected attention heads to be a multiple of key/value heads, found {} and {}", source,
                 config.query_heads, config.kv_heads);
  if (!(config.norm_epsilon > 0) || !std::isfinite(config.norm_epsilon))
    return error(ErrorCode::kBadFile, "{}: norm epsilon: expected a positive number, found {}", source,
                 config.norm_epsilon);

  bool dense = false, moe = false, chunked = false, rope = false, temperature = false;
  for (const LayerPlan& layer : config.layers) {
    (layer.moe ? moe : dense) = true;
    chunked |= layer.chunked;
    rope |= layer.rope;
    temperature |= layer.temperature;
  }
  if (dense) TRY_VOID(in_range(source, "feed-forward width of dense layers", config.dense_width, kMostWidth));
  if (moe) {
    TRY_VOID(in_range(source, "feed-forward width of experts", config.expert_width, kMostWidth));
    TRY_VOID(in_range(source, "number of experts", config.experts, kMostExperts));
    TRY_VOID(in_range(source, "experts for each token", config.experts_per_token, config.experts));
  }
  if (chunked) TRY_VOID(in_range(source, "attention chunk", config.chunk, kMostPositions));
  if (temperature &&
      !(config.floor_scale >= 1 && std::isfinite(config.floor_scale) && std::isfinite(config.attn_scale)))
    return error(ErrorCode::kBadFile, "{}: floor_scale: expected at least 1, found {}", source, config.floor_scale);
  if (rope && config.head_width % 2 != 0)
    return error(ErrorCode::kBadFile, "{}: head width: expected an even number for rotation, found {}", source,
                 config.head_width);
  for (const float frequency : config.rope_frequencies)
    if (!std::isfinite(frequency) || frequency < 0)
      return error(ErrorCode::kBadFile, "{}: rotary frequencies: expected positive numbers, found {}", source,
                   frequency);
  for (const int32_t token : config.stop_tokens)
    if (token < 0 || token >= config.vocabulary)
      return error(ErrorCode::kBadFile, "{}: eos_token_id: expected ids below the vocabulary of {}, found {}", source,
                   config.vocabulary, token);
  return {};
}

Result<ConfigAndReport> read_config(const checkpoint::Checkpoint& checkpoint) {
  if (checkpoint.format() == checkpoint::Format::kGguf) return config_from_gguf(checkpoint);
  const std::filesystem::path path = checkpoint.folder() / "config.json";
  auto text = read_text_file(path, size_t{64} << 20);
  if (!text && text.error().code == ErrorCode::kNotFound)
    return error(ErrorCode::kNotFound,
                 "{}: expected config.json beside the safetensors, found none; copy it from the model's repository",
                 checkpoint.folder().string());
  if (!text) return tl::unexpected(text.error());
  const Json json = TRY(parse_json(*text, path.string()));
  return config_from_json(json, path.string());
}

}  // namespace paddock::llama4
