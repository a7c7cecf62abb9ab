// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model's own vision tower behind the engine's view of it.

#include <memory>
#include <utility>

#include "engine/tile_encoder.h"
#include "llama4/vision/encoder.h"

namespace paddock::engine {

class VisionTileEncoder : public TileEncoder {
 public:
  VisionTileEncoder(const llama4::VisionConfig& config, llama4::VisionEncoder encoder)
      : config_(config), encoder_(std::move(encoder)) {}

  int64_t tile_bytes() const override { return config_.values_per_tile(); }
  int64_t tokens_per_tile() const override { return config_.tokens_per_tile(); }
  int64_t width() const override { return config_.text_width; }
  int64_t tiles_at_once() const override { return encoder_.tiles_at_once(); }
  void begin(std::span<const std::span<const uint8_t>> tiles) override { encoder_.begin(tiles); }
  bool advance() override { return encoder_.advance(); }
  void read(int64_t tile, std::span<float> rows) override { encoder_.read(tile, rows); }

 private:
  llama4::VisionConfig config_;
  llama4::VisionEncoder encoder_;
};

}  // namespace paddock::engine
