// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shapes of bf16 tiles: a tile of weights is 16 outputs of 32 weights, a tile of activations 16 pairs of inputs of up
// to 16 tokens, a tile of sums 16 outputs of up to 16 tokens.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace paddock::kernels::amx {

constexpr int64_t kPanel = 16;                    // outputs of a tile
constexpr int64_t kDepth = 32;                    // inputs of a tile
constexpr int64_t kTileValues = kPanel * kDepth;  // bf16 numbers: 1 KB
constexpr int64_t kChunk = 256;                   // inputs that are unpacked at once: a K-quant's block

// Unpacks `count` <= kChunk weights of one output to bf16: 32 to a line, lines kTileValues apart; what is missing of
// the last line is zero. `blocks` begins at a block of the format.
using UnpackRow = void (*)(const std::byte* blocks, int64_t count, uint16_t* lines);

}  // namespace paddock::kernels::amx
