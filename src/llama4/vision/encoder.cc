// SPDX-License-Identifier: Apache-2.0
#include "llama4/vision/encoder.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "llama4/vision/rotation.h"

namespace paddock::llama4 {
namespace {

using kernels::Blocks;
using kernels::rows_in_blocks;

constexpr size_t kCacheLine = 64;

// Places buffers one after another, each at a cache line.
class BlockPlacer {
 public:
  BlockPlacer(kernels::Address base, size_t used) : base_(base), used_(used) {}

  Blocks blocks(int64_t rows, int64_t width) {
    return {place(static_cast<size_t>(rows) * static_cast<size_t>(width) * sizeof(float)), rows, width};
  }
  kernels::Address place(size_t bytes) {
    const kernels::Address address = base_.plus(used_);
    used_ += (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    return address;
  }
  size_t used() const { return used_; }

 private:
  kernels::Address base_;
  size_t used_;
};

int64_t tile_rows(const VisionConfig& config) { return rows_in_blocks(config.patches_per_tile() + 1); }
int64_t token_rows(const VisionConfig& config) { return rows_in_blocks(config.tokens_per_tile()); }

}  // namespace

VisionEncoder::Activations VisionEncoder::lay_out(const VisionConfig& config, int64_t tiles, kernels::Address base,
                                                  size_t* bytes) {
  const int64_t rows = tiles * tile_rows(config), tokens = tiles * token_rows(config);
  BlockPlacer placer(base, 0);
  Activations a;
  a.cosines = placer.blocks(tile_rows(config), config.head_width() / 2);
  a.sines = placer.blocks(tile_rows(config), config.head_width() / 2);
  a.projected_QD = placer.blocks(tokens, config.text_width);
  a.x_RW = placer.blocks(rows, config.width);
  a.normed_RW = placer.blocks(rows, config.width);
  // One place for what is not needed at the same time.
  BlockPlacer attention(base, placer.used()), feed_forward(base, placer.used()), before(base, placer.used()),
      after(base, placer.used());
  a.q_RW = attention.blocks(rows, config.width);
  a.k_RW = attention.blocks(rows, config.width);
  a.v_RW = attention.blocks(rows, config.width);
  a.inner_RF = feed_forward.blocks(rows, config.mlp_width);
  a.patches_RP = before.blocks(rows, config.patch_values());
  a.shuffled_Q = after.blocks(tokens, config.shuffled_width());
  a.adapter_inner_Q = after.blocks(tokens, config.adapter_inner);
  a.adapter_Q = after.blocks(tokens, config.adapter_width);
  BlockPlacer last(base, std::max({attention.used(), feed_forward.used(), before.used(), after.used()}));
  a.scratch = last.place(
      std::max({kernels::linear_scratch_bytes(rows, std::max({config.patch_values(), config.width, config.mlp_width})),
                kernels::linear_scratch_bytes(
                    tokens, std::max({config.shuffled_width(), config.adapter_inner, config.adapter_width}))}));
  *bytes = last.used();
  return a;
}

size_t VisionEncoder::bytes(const VisionConfig& config, int64_t tiles) {
  size_t bytes = 0;
  lay_out(config, tiles, kernels::Address(), &bytes);
  return bytes;
}

size_t VisionEncoder::private_bytes(const VisionConfig& config, const kernels::Machine& machine) {
  return machine.tile_private_bytes(std::max({config.patch_values(), config.width, config.mlp_width,
                                              config.shuffled_width(), config.adapter_inner, config.adapter_width}),
                                    config.head_width(), tile_rows(config));
}

Result<VisionEncoder> VisionEncoder::create(const VisionModel& model, int64_t tiles_at_once,
                                            VisionArithmetic arithmetic) {
  // So many tiles that no size overflows; a picture has sixteen and one.
  constexpr int64_t kMostTilesAtOnce = 4096;
  if (tiles_at_once < 1 || tiles_at_once > kMostTilesAtOnce)
    return error(ErrorCode::kInvalidArgument, "tiles at once: expected 1 to {}, found {}", kMostTilesAtOnce,
                 tiles_at_once);
  kernels::Buffer memory = TRY(model.machine->allocate(bytes(model.config, tiles_at_once)));
  return VisionEncoder(model, tiles_at_once, arithmetic, std::move(memory));
}

VisionEncoder::VisionEncoder(const VisionModel& model, int64_t tiles, VisionArithmetic arithmetic,
                             kernels::Buffer memory)
    : model_(&model),
      machine_(model.machine),
      most_tiles_(tiles),
      arithmetic_(arithmetic),
      memory_(std::move(memory)),
      byte_table_(byte_table(model.config)) {
  size_t bytes = 0;
  a_ = lay_out(model.config, tiles, memory_.address(), &bytes);
  write_rotation();
}

void VisionEncoder::write_rotation() {
  const TileRotation rotation = tile_rotation(model_->config);
  const auto write = [&](const std::vector<float>& values, const Blocks& to) {
    std::vector<float> blocks(static_cast<size_t>(to.rows * to.width), 0.0f);
    for (size_t index = 0; index < values.size(); ++index) {
      const auto row = static_cast<int64_t>(index) / rotation.pairs,
                 pair = static_cast<int64_t>(index) % rotation.pairs;
      blocks[static_cast<size_t>((row / kernels::kBlockRows * to.width + pair) * kernels::kBlockRows +
                                 row % kernels::kBlockRows)] = values[index];
    }
    machine_->write(std::as_bytes(std::span(blocks)), to.address);
  };
  write(rotation.cosines, a_.cosines);
  write(rotation.sines, a_.sines);
}

void VisionEncoder::begin(std::span<const std::span<const uint8_t>> tiles) { begin_with(tiles); }
void VisionEncoder::begin(std::span<const std::span<const float>> tiles) { begin_with(tiles); }

template <typename Pixels>
void VisionEncoder::begin_with(std::span<const std::span<const Pixels>> tiles) {
  CHECK(!tiles.empty() && static_cast<int64_t>(tiles.size()) <= most_tiles_);
  tiles_ = static_cast<int64_t>(tiles.size());
  piece_ = 0;
  const VisionConfig& config = model_->config;
  std::vector<float> patches(static_cast<size_t>(tile_rows(config) * config.patch_values()));
  for (size_t tile = 0; tile < tiles.size(); ++tile) {
    if constexpr (std::is_same_v<Pixels, uint8_t>)
      unfold(config, byte_table_, tiles[tile], patches);
    else
      unfold(config, tiles[tile], patches);
    machine_->write(std::as_bytes(std::span(patches)),
                    a_.patches_RP.address.plus(tile * patches.size() * sizeof(float)));
  }
}

bool VisionEncoder::advance() {
  if (piece_ >= pieces()) return false;
  const int64_t layer = (piece_ - 1) / 2;
  if (piece_ == 0) {
    embed();
  } else if (piece_ + 1 == pieces()) {
    project();
  } else if (piece_ % 2 == 1) {
    attend(model_->weights.layers[static_cast<size_t>(layer)]);
  } else {
    feed_forward(model_->weights.layers[static_cast<size_t>(layer)]);
    if (observer_) show("layer" + std::to_string(layer), now(a_.x_RW), model_->config.patches_per_tile() + 1);
  }
  return ++piece_ < pieces();
}

void VisionEncoder::embed() {
  const int64_t patches = model_->config.patches_per_tile();
  const Blocks x = now(a_.x_RW);
  // The rows of the class token have no pixels and begin as zero.
  linear(now(a_.patches_RP), {model_->weights.patches, {}, x}, kernels::Activation::kNone, false);
  show("patches", x, patches);
  machine_->add_table({x, model_->weights.position_table});
  show("embedded", x, patches + 1);
  layer_norm(model_->weights.pre_norm, x, x);
  show("ln_pre", x, patches + 1);
}

void VisionEncoder::attend(const VisionLayerWeights& layer) {
  const VisionConfig& config = model_->config;
  const Blocks x = now(a_.x_RW), normed = now(a_.normed_RW);
  const Blocks q = now(a_.q_RW), k = now(a_.k_RW), v = now(a_.v_RW);
  layer_norm(layer.attention_norm, x, normed);
  const kernels::LinearOutput qkv[] = {
      {layer.wq.weights, layer.wq.bias, q}, {layer.wk.weights, layer.wk.bias, k}, {layer.wv.weights, layer.wv.bias, v}};
  linears(normed, qkv, kernels::Activation::kNone, false);
  machine_->attend_tiles({.q = q,
                          .k = k,
                          .v = v,
                          .heads = config.heads,
                          .tile_rows = tile_rows(config),
                          .tile_tokens = config.patches_per_tile() + 1,
                          .cosines = a_.cosines,
                          .sines = a_.sines,
                          .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(config.head_width()))),
                          .out = normed,
                          .rounded = arithmetic_ == VisionArithmetic::kBfloat16});
  linear(normed, {layer.wo.weights, layer.wo.bias, x}, kernels::Activation::kNone, true);
}

void VisionEncoder::feed_forward(const VisionLayerWeights& layer) {
  const Blocks x = now(a_.x_RW), normed = now(a_.normed_RW), inner = now(a_.inner_RF);
  layer_norm(layer.mlp_norm, x, normed);
  linear(normed, {layer.up.weights, layer.up.bias, inner}, kernels::Activation::kGelu, false);
  linear(inner, {layer.down.weights, layer.down.bias, x}, kernels::Activation::kNone, true);
}

void VisionEncoder::project() {
  const VisionConfig& config = model_->config;
  const VisionWeights& weights = model_->weights;
  const Blocks x = now(a_.x_RW), shuffled = now(a_.shuffled_Q), inner = now(a_.adapter_inner_Q);
  const Blocks adapter = now(a_.adapter_Q), projected = now(a_.projected_QD);
  layer_norm(weights.post_norm, x, x);
  show("ln_post", x, config.patches_per_tile());
  machine_->pixel_shuffle({.x = x,
                           .x_tile_rows = tile_rows(config),
                           .side = config.side(),
                           .factor = config.shuffle,
                           .y = shuffled,
                           .y_tile_rows = token_rows(config)});
  show("shuffled", shuffled, config.tokens_per_tile());
  linear(shuffled, {weights.adapter_inner, {}, inner}, kernels::Activation::kGelu, false);
  linear(inner, {weights.adapter, {}, adapter}, kernels::Activation::kGelu, false);
  show("adapter", adapter, config.tokens_per_tile());
  linear(adapter, {weights.projector, {}, projected}, kernels::Activation::kNone, false);
  show("projected", projected, config.tokens_per_tile());
}

void VisionEncoder::layer_norm(const VisionNorm& norm, const Blocks& x, const Blocks& y) {
  machine_->layer_norm({x, norm.weight, norm.bias, VisionConfig::kNormEpsilon, y});
}

void VisionEncoder::linear(const Blocks& x, const kernels::LinearOutput& output, kernels::Activation activation,
                           bool add) {
  linears(x, {&output, 1}, activation, add);
}

void VisionEncoder::linears(const Blocks& x, std::span<const kernels::LinearOutput> outputs,
                            kernels::Activation activation, bool add) {
  machine_->linear({.x = x,
                    .outputs = outputs,
                    .activation = activation,
                    .add = add,
                    .rounded = arithmetic_ == VisionArithmetic::kBfloat16,
                    .scratch = a_.scratch});
}

Blocks VisionEncoder::now(const Blocks& all) const { return {all.address, all.rows / most_tiles_ * tiles_, all.width}; }

std::vector<float> VisionEncoder::read_rows(const Blocks& from, int64_t first, int64_t rows) const {
  const int64_t first_block = first / kernels::kBlockRows, blocks = rows_in_blocks(rows) / kernels::kBlockRows;
  const auto block_floats = static_cast<size_t>(kernels::kBlockRows * from.width);
  std::vector<float> in_blocks(static_cast<size_t>(blocks) * block_floats);
  machine_->read(from.address.plus(static_cast<size_t>(first_block) * block_floats * sizeof(float)),
                 std::as_writable_bytes(std::span(in_blocks)));
  std::vector<float> values(static_cast<size_t>(rows * from.width));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t index = 0; index < from.width; ++index)
      values[static_cast<size_t>(row * from.width + index)] = in_blocks[static_cast<size_t>(
          (row / kernels::kBlockRows * from.width + index) * kernels::kBlockRows + row % kernels::kBlockRows)];
  return values;
}

void VisionEncoder::show(const std::string& name, const Blocks& stage, int64_t rows) const {
  if (!observer_) return;
  VisionStage shown{name, tiles_, rows, stage.width, {}};
  for (int64_t tile = 0; tile < tiles_; ++tile) {
    const auto values = read_rows(stage, stage.rows / tiles_ * tile, rows);
    shown.values.insert(shown.values.end(), values.begin(), values.end());
  }
  observer_(shown);
}

void VisionEncoder::read(int64_t tile, std::span<float> embeddings) const {
  const VisionConfig& config = model_->config;
  CHECK(piece_ == pieces() && tile >= 0 && tile < tiles_);
  CHECK(static_cast<int64_t>(embeddings.size()) == config.tokens_per_tile() * config.text_width);
  const auto values = read_rows(a_.projected_QD, token_rows(config) * tile, config.tokens_per_tile());
  std::copy(values.begin(), values.end(), embeddings.begin());
}

}  // namespace paddock::llama4
