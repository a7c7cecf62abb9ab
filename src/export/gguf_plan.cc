// SPDX-License-Identifier: Apache-2.0
#include "export/gguf_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "export/storage.h"
#include "llama4/rope.h"

namespace paddock::exporting {
namespace {

class Planner {
 public:
  Planner(const ModelSource& source, tensor::DType type, std::optional<tensor::DType> head)
      : source_(source), type_(type), head_(head) {}

  std::vector<GgufTensor> plan() {
    const train::ParameterList& list = source_.parameters();
    const bool tied = list.head == list.embedding;
    add("token_embd.weight", list.embedding, tied ? Role::kHead : Role::kEmbedding);
    if (const auto factors = static_cast<int64_t>(rope_factors(source_.config()).size()); factors > 0)
      tensors_.push_back(
          {.planned = {"rope_freqs.weight", tensor::DType::kF32, {factors}}, .from = From::kRopeFactors});
    for (size_t layer = 0; layer < list.layers.size(); ++layer)
      add_layer(fmt::format("blk.{}.", layer), list.layers[layer]);
    add("output_norm.weight", list.final_norm, Role::kNorm);
    if (!tied) add("output.weight", list.head, Role::kHead);
    return std::move(tensors_);
  }

 private:
  void add_layer(const std::string& prefix, const train::LayerParameters& layer) {
    const llama4::Config& config = source_.config();
    const bool turned = config.rope_pairs == kernels::RopePairs::kHalves;  // llama.cpp wants neighbours of all
    const auto name = [&](const char* part) { return prefix + part + ".weight"; };
    add(name("attn_norm"), layer.attention_norm, Role::kNorm);
    add(name("attn_q"), layer.q, Role::kOther, turned ? From::kHalves : From::kAsItIs, config.query_heads);
    add(name("attn_k"), layer.k, Role::kOther, turned ? From::kHalves : From::kAsItIs, config.kv_heads);
    add(name("attn_v"), layer.v, Role::kAttentionValues);
    add(name("attn_output"), layer.o, Role::kOther);
    add(name("ffn_norm"), layer.feed_forward_norm, Role::kNorm);
    const bool moe = layer.router != train::kNoParameter;
    add(name(moe ? "ffn_gate_shexp" : "ffn_gate"), layer.mlp.gate, Role::kOther);
    add(name(moe ? "ffn_up_shexp" : "ffn_up"), layer.mlp.up, Role::kOther);
    add(name(moe ? "ffn_down_shexp" : "ffn_down"), layer.mlp.down, Role::kDown);
    if (!moe) return;
    add(name("ffn_gate_inp"), layer.router, Role::kRouter);
    add(name("ffn_gate_exps"), layer.experts_gate_up, Role::kOther, From::kGate);
    add(name("ffn_up_exps"), layer.experts_gate_up, Role::kOther, From::kUp);
    add(name("ffn_down_exps"), layer.experts_down, Role::kDown, From::kDown);
  }

  static tensor::Shape shape_of(const tensor::Shape& stored, From from) {
    if (from == From::kGate || from == From::kUp) return {stored[0], stored[2] / 2, stored[1]};
    if (from == From::kDown) return {stored[0], stored[2], stored[1]};
    return stored;
  }

  void add(std::string name, size_t parameter, Role role, From from = From::kAsItIs, int64_t heads = 0) {
    const tensor::Shape shape = shape_of(source_.parameters()[parameter].shape, from);
    const tensor::DType wanted = role == Role::kHead && head_ ? *head_ : type_for(type_, role);
    tensors_.push_back({.planned = {std::move(name), fitting_type(wanted, shape.back()), shape},
                        .from = from,
                        .parameter = parameter,
                        .heads = heads,
                        .wanted = wanted});
  }

  const ModelSource& source_;
  tensor::DType type_;
  std::optional<tensor::DType> head_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace

std::vector<GgufTensor> plan_gguf(const ModelSource& source, tensor::DType type, std::optional<tensor::DType> head) {
  return Planner(source, type, head).plan();
}

std::vector<float> rope_factors(const llama4::Config& config) {
  std::vector<float> factors = llama4::rope_frequencies(config.rope_origin.theta, config.head_width);
  for (size_t pair = 0; pair < factors.size(); ++pair) {
    factors[pair] /= static_cast<float>(config.rope_origin.linear_factor);
    factors[pair] /= config.rope_frequencies[pair];
  }
  if (std::ranges::all_of(factors, [](float factor) { return factor == 1; })) factors.clear();
  return factors;
}

}  // namespace paddock::exporting
