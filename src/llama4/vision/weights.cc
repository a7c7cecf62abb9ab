// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/weights.h"

#include <span>

#include "llama4/vision/tensors.h"

namespace paddock::llama4 {
namespace {

// What each part is called.
struct VisionNames {
  std::string patches, class_embedding, positions, pre_norm, post_norm, adapter_inner, adapter, projector;
  std::string layer;                                           // with the layer's number
  std::string attention_norm, q, k, v, o, mlp_norm, up, down;  // behind it
  std::vector<std::string_view> prefixes;                      // of all names of the tower
};

const VisionNames kHuggingFaceNames = {
    .patches = "vision_model.patch_embedding.linear.weight",
    .class_embedding = "vision_model.class_embedding",
    .positions = "vision_model.positional_embedding_vlm",
    .pre_norm = "vision_model.layernorm_pre",
    .post_norm = "vision_model.layernorm_post",
    .adapter_inner = "vision_model.vision_adapter.mlp.fc1.weight",
    .adapter = "vision_model.vision_adapter.mlp.fc2.weight",
    .projector = "multi_modal_projector.linear_1.weight",
    .layer = "vision_model.model.layers.{}.",
    .attention_norm = "input_layernorm",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .o = "self_attn.o_proj",
    .mlp_norm = "post_attention_layernorm",
    .up = "mlp.fc1",
    .down = "mlp.fc2",
    .prefixes = {"vision_model.", "multi_modal_projector."},
};

const VisionNames kGgufNames = {
    .patches = "v.patch_embd.weight",
    .class_embedding = "v.class_embd",
    .positions = "v.position_embd.weight",
    .pre_norm = "v.pre_ln",
    .post_norm = "v.post_ln",
    .adapter_inner = "mm.model.mlp.1.weight",
    .adapter = "mm.model.mlp.2.weight",
    .projector = "mm.model.fc.weight",
    .layer = "v.blk.{}.",
    .attention_norm = "ln1",
    .q = "attn_q",
    .k = "attn_k",
    .v = "attn_v",
    .o = "attn_out",
    .mlp_norm = "ln2",
    .up = "ffn_up",
    .down = "ffn_down",
    .prefixes = {"v.", "mm."},
};

class VisionLoader {
 public:
  VisionLoader(const VisionConfig& config, const VisionNames& names, VisionTensors* tensors)
      : config_(config), names_(names), tensors_(*tensors) {}

  Result<VisionWeights> load(kernels::Machine* machine) {
    VisionWeights weights;
    const int64_t side = config_.patch_size;
    // Converters keep the Linear layer's shape or give it that of a convolution; the numbers lie alike.
    weights.patches = TRY(tensors_.matrix(names_.patches, config_.width, config_.patch_values(),
                                          {{config_.width, VisionConfig::kChannels, side, side}}));
    TRY_VOID(load_positions(machine, &weights));
    weights.pre_norm = TRY(norm(names_.pre_norm));
    for (int64_t layer = 0; layer < config_.layers; ++layer) weights.layers.push_back(TRY(load_layer(layer)));
    weights.post_norm = TRY(norm(names_.post_norm));
    weights.adapter_inner = TRY(tensors_.matrix(names_.adapter_inner, config_.adapter_inner, config_.shuffled_width()));
    weights.adapter = TRY(tensors_.matrix(names_.adapter, config_.adapter_width, config_.adapter_inner));
    weights.projector = TRY(tensors_.matrix(names_.projector, config_.text_width, config_.adapter_width));
    TRY_VOID(tensors_.finish(names_.prefixes));
    return weights;
  }

 private:
  Result<VisionNorm> norm(const std::string& name) {
    VisionNorm norm;
    norm.weight = TRY(tensors_.vector(name + ".weight", config_.width));
    norm.bias = TRY(tensors_.vector(name + ".bias", config_.width));
    return norm;
  }

  Result<VisionLinear> linear(const std::string& name, int64_t outputs, int64_t inputs) {
    VisionLinear linear;
    linear.weights = TRY(tensors_.matrix(name + ".weight", outputs, inputs));
    linear.bias = TRY(tensors_.vector(name + ".bias", outputs));
    return linear;
  }

  Result<VisionLayerWeights> load_layer(int64_t layer) {
    const std::string prefix = fmt::format(fmt::runtime(names_.layer), layer);
    const int64_t width = config_.width;
    VisionLayerWeights weights;
    weights.attention_norm = TRY(norm(prefix + names_.attention_norm));
    weights.wq = TRY(linear(prefix + names_.q, width, width));
    weights.wk = TRY(linear(prefix + names_.k, width, width));
    weights.wv = TRY(linear(prefix + names_.v, width, width));
    weights.wo = TRY(linear(prefix + names_.o, width, width));
    weights.mlp_norm = TRY(norm(prefix + names_.mlp_norm));
    weights.up = TRY(linear(prefix + names_.up, config_.mlp_width, width));
    weights.down = TRY(linear(prefix + names_.down, width, config_.mlp_width));
    return weights;
  }

  Result<void> load_positions(kernels::Machine* machine, VisionWeights* weights) {
    const int64_t width = config_.width, tokens = config_.patches_per_tile() + 1;
    const auto class_token = TRY(tensors_.values(names_.class_embedding, {width}));
    const auto positions = TRY(tensors_.values(names_.positions, {tokens, width}));
    if (machine == nullptr) return {};
    const int64_t rows = kernels::rows_in_blocks(tokens);
    std::vector<float> table(static_cast<size_t>(rows * width), 0.0f);
    for (int64_t row = 0; row < tokens; ++row)
      for (int64_t index = 0; index < width; ++index) {
        const bool is_class = row + 1 == tokens;
        table[static_cast<size_t>((row / kernels::kBlockRows * width + index) * kernels::kBlockRows +
                                  row % kernels::kBlockRows)] =
            positions[static_cast<size_t>(row * width + index)] +
            (is_class ? class_token[static_cast<size_t>(index)] : 0.0f);
      }
    weights->positions = TRY(machine->allocate(table.size() * sizeof(float)));
    weights->position_table = {weights->positions.address(), rows, width};
    machine->write(std::as_bytes(std::span(table)), weights->positions.address());
    return {};
  }

  const VisionConfig& config_;
  const VisionNames& names_;
  VisionTensors& tensors_;
};

}  // namespace

Result<VisionWeightsAndTotals> load_vision_weights(const checkpoint::Checkpoint& checkpoint, const VisionConfig& config,
                                                   kernels::Machine* machine) {
  VisionTensors tensors(checkpoint, machine);
  VisionLoader loader(config, config.names == TensorNames::kGguf ? kGgufNames : kHuggingFaceNames, &tensors);
  VisionWeights weights = TRY(loader.load(machine));
  return VisionWeightsAndTotals{std::move(weights), tensors.totals()};
}

}  // namespace paddock::llama4
