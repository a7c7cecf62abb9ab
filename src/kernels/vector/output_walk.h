// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which outputs of a piece meet a few tokens in one step, one a lane, and where their weights lie.
//
// Where a run is short its beginning would be missed too often: lanes are neighbouring rows, and asking one step ahead
// asks in the order of memory, into the next piece too. Else each lane walks through its own run of rows, which are one
// stream of memory: that many streams are few enough for the processor's prefetcher. Where all runs begin at the same
// place of a page, they would share one set of the first cache: then each begins a row further on and ends with its
// first.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/vector/product.h"

namespace paddock::kernels {

// Targets differ in kLanes, so that each has its own code.
template <int64_t kLanes>
struct OutputWalk {
  alignas(64) int32_t outputs[kLanes];
  int64_t ahead = 576;  // bytes of a row that are asked for before they are needed

  static int64_t steps(const ProductPiece& piece) { return (piece.outputs + kLanes - 1) / kLanes; }

  OutputWalk(const ProductPiece& piece, int64_t step) {
    constexpr size_t kShortRun = 8192;  // bytes
    const int64_t run = steps(piece);
    if (static_cast<size_t>(run) * piece.row_stride < kShortRun) {
      ahead = kLanes * static_cast<int64_t>(piece.row_stride);
      for (int64_t lane = 0; lane < kLanes; ++lane) outputs[lane] = static_cast<int32_t>(step * kLanes + lane);
      return;
    }
    const bool turned = static_cast<size_t>(run) * piece.row_stride % 2048 == 0;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      outputs[lane] = static_cast<int32_t>(lane * run + (turned ? (step + lane) % run : step));
  }

  // What is beyond the piece repeats its last output.
  void find_rows(const ProductPiece& piece, const std::byte* (&rows)[kLanes]) const {
    for (int64_t lane = 0; lane < kLanes; ++lane)
      rows[lane] =
          piece.weights + static_cast<size_t>(std::min<int64_t>(outputs[lane], piece.outputs - 1)) * piece.row_stride;
  }
};

}  // namespace paddock::kernels
