// SPDX-License-Identifier: Apache-2.0
#include "llama4/weights.h"

#include <algorithm>

#include "llama4/product_sets.h"
#include "llama4/tensor_taker.h"

namespace paddock::llama4 {
namespace {

using kernels::ExpertWeights;
using kernels::Matrix;

// The left and right half of the outputs of fused [D, 2F] experts: gate first.
ExpertWeights split_gate_up(const Matrix& gate_up, const Matrix& down) {
  Matrix gate = gate_up;
  gate.outputs = gate_up.outputs / 2;
  Matrix up = gate;
  up.weights = gate_up.weights.plus(tensor::row_bytes(gate_up.dtype, gate.outputs));
  return {gate, up, down};
}

class Loader {
 public:
  Loader(const Config& config, TensorTaker* taker) : config_(config), taker_(*taker) {}

  Result<Weights> load_hugging_face(const std::string& prefix) {
    Weights weights;
    weights.embedding = TRY(embedding(prefix + "model.embed_tokens.weight"));
    for (size_t layer = 0; layer < config_.layers.size(); ++layer)
      weights.layers.push_back(
          TRY(hugging_face_layer(fmt::format("{}model.layers.{}.", prefix, layer), config_.layers[layer])));
    weights.final_norm = TRY(taker_.norm(prefix + "model.norm.weight", config_.width));
    if (config_.tied_head) taker_.take_unchecked(prefix + "lm_head.weight");  // some writers store the tied copy
    weights.head = config_.tied_head ? weights.embedding
                                     : TRY(taker_.matrix(prefix + "lm_head.weight", config_.vocabulary, config_.width));
    return weights;
  }

  Result<Weights> load_gguf() {
    Weights weights;
    weights.embedding = TRY(embedding("token_embd.weight"));
    for (size_t layer = 0; layer < config_.layers.size(); ++layer)
      weights.layers.push_back(TRY(gguf_layer(fmt::format("blk.{}.", layer), config_.layers[layer])));
    weights.final_norm = TRY(taker_.norm("output_norm.weight", config_.width));
    weights.head =
        config_.tied_head ? weights.embedding : TRY(taker_.matrix("output.weight", config_.vocabulary, config_.width));
    taker_.take_unchecked("rope_freqs.weight");  // the configuration has used it
    return weights;
  }

 private:
  int64_t query_width() const { return config_.query_heads * config_.head_width; }
  int64_t kv_width() const { return config_.kv_heads * config_.head_width; }

  Result<Matrix> embedding(const std::string& name) {
    return taker_.matrix(name, config_.vocabulary, config_.width,
                         config_.tied_head ? UsedBy::kEveryToken : UsedBy::kSomeTokens);
  }
  Result<ExpertWeights> linear_mlp(const std::string& gate, const std::string& up, const std::string& down,
                                   int64_t width, UsedBy used_by = UsedBy::kEveryToken) {
    ExpertWeights mlp;
    mlp.gate = TRY(taker_.matrix(gate, width, config_.width, used_by));
    mlp.up = TRY(taker_.matrix(up, width, config_.width, used_by));
    mlp.down = TRY(taker_.matrix(down, config_.width, width, used_by));
    return mlp;
  }
  Result<ExpertWeights> hugging_face_mlp(const std::string& prefix, int64_t width,
                                         UsedBy used_by = UsedBy::kEveryToken) {
    return linear_mlp(prefix + "gate_proj.weight", prefix + "up_proj.weight", prefix + "down_proj.weight", width,
                      used_by);
  }

  Result<LayerWeights> hugging_face_layer(const std::string& prefix, const LayerPlan& plan) {
    LayerWeights layer;
    layer.attention_norm = TRY(taker_.norm(prefix + "input_layernorm.weight", config_.width));
    layer.wq = TRY(taker_.matrix(prefix + "self_attn.q_proj.weight", query_width(), config_.width));
    layer.wk = TRY(taker_.matrix(prefix + "self_attn.k_proj.weight", kv_width(), config_.width));
    layer.wv = TRY(taker_.matrix(prefix + "self_attn.v_proj.weight", kv_width(), config_.width));
    layer.wo = TRY(taker_.matrix(prefix + "self_attn.o_proj.weight", config_.width, query_width()));
    layer.feed_forward_norm = TRY(taker_.norm(prefix + "post_attention_layernorm.weight", config_.width));
    const std::string feed_forward =
        prefix + (config_.names == TensorNames::kHuggingFaceLlama ? "mlp." : "feed_forward.");
    if (!plan.moe) {
      layer.mlp = TRY(hugging_face_mlp(feed_forward, config_.dense_width));
      return layer;
    }
    layer.router = TRY(taker_.matrix(feed_forward + "router.weight", config_.experts, config_.width));
    layer.mlp = TRY(hugging_face_mlp(feed_forward + "shared_expert.", config_.expert_width));
    layer.experts = TRY(hugging_face_experts(feed_forward + "experts."));
    return layer;
  }

  // Fused in one tensor, as published; or unrolled into Linear layers, as quantisers leave them.
  Result<std::vector<ExpertWeights>> hugging_face_experts(const std::string& prefix) {
    std::vector<ExpertWeights> experts;
    if (taker_.has(prefix + "0.gate_proj.weight")) {
      for (int64_t expert = 0; expert < config_.experts; ++expert)
        experts.push_back(
            TRY(hugging_face_mlp(fmt::format("{}{}.", prefix, expert), config_.expert_width, UsedBy::kSomeTokens)));
      return experts;
    }
    const auto gate_up = TRY(
        taker_.stacked_input_major(prefix + "gate_up_proj", config_.experts, config_.width, 2 * config_.expert_width));
    const auto down =
        TRY(taker_.stacked_input_major(prefix + "down_proj", config_.experts, config_.expert_width, config_.width));
    for (size_t expert = 0; expert < gate_up.size(); ++expert)
      experts.push_back(split_gate_up(gate_up[expert], down[expert]));
    return experts;
  }

  Result<LayerWeights> gguf_layer(const std::string& prefix, const LayerPlan& plan) {
    LayerWeights layer;
    layer.attention_norm = TRY(taker_.norm(prefix + "attn_norm.weight", config_.width));
    layer.wq = TRY(taker_.matrix(prefix + "attn_q.weight", query_width(), config_.width));
    layer.wk = TRY(taker_.matrix(prefix + "attn_k.weight", kv_width(), config_.width));
    layer.wv = TRY(taker_.matrix(prefix + "attn_v.weight", kv_width(), config_.width));
    layer.wo = TRY(taker_.matrix(prefix + "attn_output.weight", config_.width, query_width()));
    layer.feed_forward_norm = TRY(taker_.norm(prefix + "ffn_norm.weight", config_.width));
    taker_.take_unchecked(prefix + "rope_freqs.weight");  // some converters repeat it in each layer
    const auto name = [&](const char* part) { return prefix + part + ".weight"; };
    if (!plan.moe) {
      layer.mlp = TRY(linear_mlp(name("ffn_gate"), name("ffn_up"), name("ffn_down"), config_.dense_width));
      return layer;
    }
    layer.router = TRY(taker_.matrix(name("ffn_gate_inp"), config_.experts, config_.width));
    layer.mlp =
        TRY(linear_mlp(name("ffn_gate_shexp"), name("ffn_up_shexp"), name("ffn_down_shexp"), config_.expert_width));
    const auto gate = TRY(taker_.stacked(name("ffn_gate_exps"), config_.experts, config_.expert_width, config_.width));
    const auto up = TRY(taker_.stacked(name("ffn_up_exps"), config_.experts, config_.expert_width, config_.width));
    const auto down = TRY(taker_.stacked(name("ffn_down_exps"), config_.experts, config_.width, config_.expert_width));
    for (size_t expert = 0; expert < gate.size(); ++expert)
      layer.experts.push_back({gate[expert], up[expert], down[expert]});
    return layer;
  }

  const Config& config_;
  TensorTaker& taker_;
};

}  // namespace

std::string name_prefix(const checkpoint::Checkpoint& checkpoint) {
  return checkpoint.find("language_model.model.embed_tokens.weight") != nullptr ? "language_model." : "";
}

Result<WeightsAndTotals> load_weights(const checkpoint::Checkpoint& checkpoint, const Config& config,
                                      kernels::Machine* machine) {
  WeightsAndTotals result;
  TensorTaker taker(checkpoint, config.quantization, machine, &result.totals);
  Loader loader(config, &taker);
  result.weights =
      TRY(config.names == TensorNames::kGguf ? loader.load_gguf() : loader.load_hugging_face(name_prefix(checkpoint)));
  TRY_VOID(taker.finish());

  WeightTotals& totals = result.totals;
  totals.products = product_sets(config, result.weights);
  const auto moe_layers =
      std::count_if(config.layers.begin(), config.layers.end(), [](const LayerPlan& layer) { return layer.moe; });
  const int64_t one_expert = 3 * config.width * config.expert_width;
  totals.expert_parameters = moe_layers * config.experts * one_expert;
  totals.active_parameters =
      totals.text_parameters - moe_layers * (config.experts - config.experts_per_token) * one_expert;
  return result;
}

}  // namespace paddock::llama4
