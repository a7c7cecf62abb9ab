// SPDX-License-Identifier: Apache-2.0
#include "export/gguf_model_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "export/storage.h"

namespace paddock::exporting {
namespace {

using checkpoint::GgufPair;
using checkpoint::GgufType;
using llama4::LayerPlan;

class Keys {
 public:
  explicit Keys(const llama4::Config& config) : config_(config) {}

  Result<std::vector<GgufPair>> write(tensor::DType type, const std::string& file) {
    pairs_.push_back({"general.architecture", config_.architecture});
    pairs_.push_back({"general.quantization_version", uint64_t{2}, GgufType::kUint32});
    pairs_.push_back({"general.file_type", gguf_file_type(type), GgufType::kUint32});
    integer("block_count", static_cast<int64_t>(config_.layers.size()));
    integer("context_length", config_.context);
    integer("embedding_length", config_.width);
    integer("feed_forward_length", config_.dense_width > 0 ? config_.dense_width : config_.expert_width);
    integer("attention.head_count", config_.query_heads);
    integer("attention.head_count_kv", config_.kv_heads);
    integer("attention.key_length", config_.head_width);
    integer("attention.value_length", config_.head_width);
    number("attention.layer_norm_rms_epsilon", config_.norm_epsilon);
    integer("vocab_size", config_.vocabulary);
    integer("rope.dimension_count", config_.head_width);
    number("rope.freq_base", config_.rope_origin.theta);
    if (config_.rope_origin.linear_factor != 1) {
      add("rope.scaling.type", std::string("linear"));
      number("rope.scaling.factor", config_.rope_origin.linear_factor);
    }
    if (config_.architecture == "llama4") TRY_VOID(write_llama4(file));
    return std::move(pairs_);
  }

 private:
  template <typename Value>
  void add(const char* key, Value value, std::optional<GgufType> width = {}) {
    pairs_.push_back({config_.architecture + "." + key, checkpoint::GgufValue(std::move(value)), width});
  }
  void integer(const char* key, int64_t value) { add(key, static_cast<uint64_t>(value), GgufType::kUint32); }
  // llama.cpp reads float32 and nothing wider.
  void number(const char* key, double value) {
    add(key, static_cast<double>(static_cast<float>(value)), GgufType::kFloat32);
  }

  Result<void> write_llama4(const std::string& file) {
    integer("interleave_moe_layer_step", TRY(moe_step(file)));
    if (config_.experts > 0) {
      integer("expert_count", config_.experts);
      integer("expert_used_count", config_.experts_per_token);
      integer("expert_feed_forward_length", config_.expert_width);
    }
    const auto any = [&](bool LayerPlan::*what) { return std::ranges::any_of(config_.layers, what); };
    for (size_t layer = 0; layer < config_.layers.size(); ++layer) {
      const LayerPlan& plan = config_.layers[layer];
      if (plan.chunked != (plan.rope && config_.chunk > 0) || plan.qk_norm != (plan.rope && any(&LayerPlan::qk_norm)))
        return error(ErrorCode::kUnsupported,
                     "{}: expected chunks and QK-norm in all layers with rotation or in none, found layer {} to be "
                     "another; GGUF has no words for it: write a Hugging Face folder",
                     file, layer);
    }
    // A window of 0 is what tells llama.cpp that there are no chunks, and then also that all layers rotate.
    if (config_.chunk == 0 && !any(&LayerPlan::temperature)) integer("attention.sliding_window", 0);
    integer("attention.chunk_size", config_.chunk);
    std::vector<bool> rope;
    for (const LayerPlan& plan : config_.layers) rope.push_back(plan.rope);
    add("attention.rope_layers", rope);
    add("attention.qk_norm", any(&LayerPlan::qk_norm));
    // A scale of 0 is a temperature of 1: GGUF cannot say that there is none.
    number("attention.temperature_floor_scale", config_.floor_scale);
    number("attention.temperature_scale", any(&LayerPlan::temperature) ? config_.attn_scale : 0);
    return {};
  }

  // Every how many layers one has experts; 0: none has.
  Result<int64_t> moe_step(const std::string& file) const {
    const auto first = std::ranges::find_if(config_.layers, &LayerPlan::moe);
    const int64_t step = first == config_.layers.end() ? 0 : first - config_.layers.begin() + 1;
    for (size_t layer = 0; layer < config_.layers.size(); ++layer)
      if (config_.layers[layer].moe != (step > 0 && (static_cast<int64_t>(layer) + 1) % step == 0))
        return error(
            ErrorCode::kUnsupported,
            "{}: expected experts in every layer, in every second one and so on, found layer {} to be another; "
            "GGUF has no words for it: write a Hugging Face folder",
            file, layer);
    return step;
  }

  const llama4::Config& config_;
  std::vector<GgufPair> pairs_;
};

}  // namespace

Result<std::vector<GgufPair>> gguf_model_keys(const llama4::Config& config, tensor::DType type,
                                              const std::string& file) {
  return Keys(config).write(type, file);
}

std::vector<std::string> what_llama_cpp_assumes(const llama4::Config& config) {
  std::vector<std::string> notes;
  if (config.architecture != "llama4") return notes;
  constexpr int64_t kChunk = 8192;  // and of the temperature's steps
  if (config.layers.size() < 4) notes.push_back("at least four layers, and stops at fewer");
  if (config.chunk != kChunk && config.chunk != 0)
    notes.push_back(fmt::format("chunks of {} positions, where this model has {}: texts that are longer differ", kChunk,
                                config.chunk));
  const bool tempered = std::ranges::any_of(config.layers, &LayerPlan::temperature);
  if (tempered && (config.floor_scale != kChunk || config.attn_scale != 0.1))
    notes.push_back(
        fmt::format("a temperature that grows by 0.1 every {} positions, where this model has {} every {}: texts that "
                    "are longer differ",
                    kChunk, config.attn_scale, config.floor_scale));
  const bool normed = std::ranges::any_of(config.layers, &LayerPlan::qk_norm);
  if (normed != (config.experts != 128))
    notes.push_back(normed ? "no QK-norm in models of 128 experts, where this one has it"
                           : "QK-norm in models of other than 128 experts, where this one has none");
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    const bool rotates = (layer + 1) % 4 != 0 || (config.chunk == 0 && !tempered);
    if (config.layers[layer].rope == rotates) continue;
    notes.push_back("rotation in all layers but every fourth, where this model has it elsewhere");
    break;
  }
  return notes;
}

}  // namespace paddock::exporting
