// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inner loops of operations on picture tiles (kernels/contracts/blocks.h): what a target implements. Lanes are rows
// everywhere, so that sums run from register to register and nothing is added up across lanes.

#include <cstddef>
#include <cstdint>

#include "kernels/contracts/blocks.h"
#include "tensor/dtype.h"

namespace paddock::kernels {

inline constexpr int64_t kGroupOutputs = 128;  // whose weights are unpacked at once

// y[o] (+)= f( sum over i of W[o, i] * x[i] + bias[o] ) for some outputs of a matrix and some blocks of rows.
struct LinearPiece {
  tensor::DType dtype;
  const std::byte* weights;  // of the first output
  size_t row_stride;         // bytes from one output's weights to the next's
  int64_t inputs;
  int64_t outputs;     // a multiple of 16
  const std::byte* x;  // of the first block: packed, or as it is where the target has no packing
  size_t x_stride;     // bytes from one block to the next
  int64_t blocks;
  const float* bias;  // [outputs], or null
  bool gelu, add, rounded;
  float* y;            // of the first block and the first output
  int64_t y_stride;    // floats from one block to the next
  std::byte* scratch;  // TowerKernels::linear_scratch, aligned to 64 bytes
};

// The piece's outputs from `first` on, at most kGroupOutputs.
static inline LinearPiece group_of(LinearPiece piece, int64_t first) {
  const int64_t rest = piece.outputs - first;
  piece.weights += static_cast<size_t>(first) * piece.row_stride;
  piece.outputs = rest < kGroupOutputs ? rest : kGroupOutputs;
  if (piece.bias != nullptr) piece.bias += first;
  piece.y += first * kBlockRows;
  return piece;
}

// One head of one tile; every pointer is that of the tile's first block and the head's first number.
struct TileHead {
  const float *q, *k, *v;
  int64_t stride;                // floats from one block to the next, of out as well
  int64_t head_width;            // H, a multiple of 4
  int64_t blocks;                // of the tile
  int64_t tokens;                // the tile's, in these
  int64_t first, end;            // blocks of queries
  const float *cosines, *sines;  // [block][H / 2][16]
  float scale;
  float* out;
  bool rounded;
  std::byte* scratch;  // attend_scratch() bytes, aligned to 64 bytes
};

struct TowerKernels {
  const char* name;
  // One block; y may be x.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t width, float epsilon, float* y);
  // Both null where products take x as it is. packed_bytes, of one block: at most linear_scratch_bytes of its rows.
  size_t (*packed_bytes)(int64_t inputs, bool rounded);
  void (*pack)(const float* x, int64_t inputs, bool rounded, std::byte* packed);
  size_t linear_scratch;
  void (*linear)(const LinearPiece& piece);
  size_t (*attend_scratch)(int64_t blocks, int64_t head_width);
  void (*attend)(const TileHead& head);
};

// Call only where the processor has the features.
namespace avx2 {
extern const TowerKernels kTowerKernels;
}
namespace avx512 {
extern const TowerKernels kTowerKernels;
}
namespace amx {
extern const TowerKernels kTowerKernels;  // bfloat16 tiles; where not rounded, each number in two terms
}

}  // namespace paddock::kernels
