// SPDX-License-Identifier: Apache-2.0
#include "llama4/parameters.h"

#include <fmt/format.h>

namespace paddock::llama4 {
namespace {

constexpr int64_t kFloatsOfALine = 16;  // parameters begin at cache lines

}  // namespace

size_t ParameterList::add(std::string name, tensor::Shape shape) {
  const int64_t count = tensor::count(shape);
  const bool decays = shape.size() > 1;
  all_.push_back({std::move(name), std::move(shape), floats_, count, decays});
  floats_ += (count + kFloatsOfALine - 1) / kFloatsOfALine * kFloatsOfALine;
  return all_.size() - 1;
}

MlpParameters ParameterList::add_mlp(const std::string& prefix, int64_t width, int64_t inner) {
  MlpParameters mlp;
  mlp.gate = add(prefix + "gate_proj.weight", {inner, width});
  mlp.up = add(prefix + "up_proj.weight", {inner, width});
  mlp.down = add(prefix + "down_proj.weight", {width, inner});
  return mlp;
}

ParameterList ParameterList::of(const Config& config, const std::string& prefix) {
  ParameterList list;
  const int64_t width = config.width, queries = config.query_heads * config.head_width,
                keys = config.kv_heads * config.head_width;
  const char* const feed_forward = config.architecture == "llama4" ? "feed_forward." : "mlp.";
  list.embedding = list.add(prefix + "model.embed_tokens.weight", {config.vocabulary, width});
  for (size_t index = 0; index < config.layers.size(); ++index) {
    const std::string start = fmt::format("{}model.layers.{}.", prefix, index);
    LayerParameters layer;
    layer.attention_norm = list.add(start + "input_layernorm.weight", {width});
    layer.q = list.add(start + "self_attn.q_proj.weight", {queries, width});
    layer.k = list.add(start + "self_attn.k_proj.weight", {keys, width});
    layer.v = list.add(start + "self_attn.v_proj.weight", {keys, width});
    layer.o = list.add(start + "self_attn.o_proj.weight", {width, queries});
    layer.feed_forward_norm = list.add(start + "post_attention_layernorm.weight", {width});
    if (config.layers[index].moe) {
      const int64_t inner = config.expert_width;
      layer.router = list.add(start + feed_forward + "router.weight", {config.experts, width});
      layer.mlp = list.add_mlp(start + feed_forward + "shared_expert.", width, inner);
      layer.experts_gate_up =
          list.add(start + feed_forward + "experts.gate_up_proj", {config.experts, width, 2 * inner});
      layer.experts_down = list.add(start + feed_forward + "experts.down_proj", {config.experts, inner, width});
    } else {
      layer.mlp = list.add_mlp(start + feed_forward, width, config.dense_width);
    }
    list.layers.push_back(layer);
  }
  list.final_norm = list.add(prefix + "model.norm.weight", {width});
  list.head = config.tied_head ? list.embedding : list.add(prefix + "lm_head.weight", {config.vocabulary, width});
  return list;
}

kernels::Address ParameterList::address(size_t index, kernels::Address base) const {
  return base.plus(static_cast<size_t>(all_[index].offset) * sizeof(float));
}

}  // namespace paddock::llama4
