// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tiles to tokens: the vision transformer, pixel shuffle, adapter and projector, for several tiles at once.
//
//   R rows of all tiles    W width    F feed-forward width    Q rows of the shuffled tiles    D width of the text model

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/contracts/machine.h"
#include "llama4/vision/model.h"
#include "llama4/vision/tile_pixels.h"

namespace paddock::llama4 {

// How products of the tower are computed.
enum class VisionArithmetic : uint8_t {
  kExact,     // as float32 would
  kBfloat16,  // activations, and weights that are wider, rounded to bfloat16 where the machine gains by it
};

// What a stage made of all tiles: [tiles, rows, width].
struct VisionStage {
  std::string name;  // patches, embedded, ln_pre, layer0, layer1, ..., ln_post, shuffled, adapter, projected
  int64_t tiles = 0, rows = 0, width = 0;
  std::vector<float> values;
};
using VisionObserver = std::function<void(const VisionStage&)>;

// Used by one thread at a time. A tile's embeddings do not depend on the others, bit for bit, nor on threads. Between
// two pieces the machine may do other work.
class VisionEncoder {
 public:
  // The model must outlive it.
  static Result<VisionEncoder> create(const VisionModel& model, int64_t tiles_at_once,
                                      VisionArithmetic arithmetic = VisionArithmetic::kExact);

  // What an encoder allocates, exactly; beside it the machine keeps private_bytes, however many tiles.
  static size_t bytes(const VisionConfig& config, int64_t tiles);
  static size_t private_bytes(const VisionConfig& config, const kernels::Machine& machine);

  // Begins with new tiles, at most tiles_at_once, each [3, image size, image size]: bytes, or numbers that have been
  // normalised. They are read before this returns.
  void begin(std::span<const std::span<const uint8_t>> tiles);
  void begin(std::span<const std::span<const float>> tiles);

  // The next piece of the work; false once the last has been done.
  bool advance();
  // From begin() to the end: half a layer each, and what comes before and after the layers.
  int64_t pieces() const { return 2 * model_->config.layers + 2; }

  // [tokens_per_tile, text_width] of a tile, once advance() has returned false.
  void read(int64_t tile, std::span<float> embeddings) const;

  int64_t tiles_at_once() const { return most_tiles_; }
  void observe(VisionObserver observer) { observer_ = std::move(observer); }

 private:
  struct Activations {
    kernels::Blocks x_RW;       // the residual stream
    kernels::Blocks normed_RW;  // and what attention gives
    kernels::Blocks q_RW, k_RW, v_RW;
    // These take the place of queries, keys and values.
    kernels::Blocks patches_RP;
    kernels::Blocks inner_RF;
    kernels::Blocks shuffled_Q, adapter_inner_Q, adapter_Q;
    kernels::Blocks projected_QD;
    kernels::Address scratch;
    kernels::Blocks cosines, sines;  // of a tile
  };
  static Activations lay_out(const VisionConfig& config, int64_t tiles, kernels::Address base, size_t* bytes);

  VisionEncoder(const VisionModel& model, int64_t tiles, VisionArithmetic arithmetic, kernels::Buffer memory);
  void write_rotation();
  template <typename Pixels>
  void begin_with(std::span<const std::span<const Pixels>> tiles);

  void embed();
  void attend(const VisionLayerWeights& layer);
  void feed_forward(const VisionLayerWeights& layer);
  void project();
  void layer_norm(const VisionNorm& norm, const kernels::Blocks& x, const kernels::Blocks& y);
  void linear(const kernels::Blocks& x, const kernels::LinearOutput& output, kernels::Activation activation, bool add);
  void linears(const kernels::Blocks& x, std::span<const kernels::LinearOutput> outputs, kernels::Activation activation,
               bool add);
  // The tiles that are worked on.
  kernels::Blocks now(const kernels::Blocks& all) const;
  // `rows` of each tile, of those that `stage` has for each.
  void show(const std::string& name, const kernels::Blocks& stage, int64_t rows) const;
  std::vector<float> read_rows(const kernels::Blocks& from, int64_t first, int64_t rows) const;

  const VisionModel* model_;
  kernels::Machine* machine_;
  int64_t most_tiles_;
  VisionArithmetic arithmetic_;
  kernels::Buffer memory_;
  Activations a_;
  ByteTable byte_table_;
  VisionObserver observer_;
  int64_t tiles_ = 0;
  int64_t piece_ = 0;  // that comes next
};

}  // namespace paddock::llama4
