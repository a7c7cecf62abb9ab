// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inner loops of attention, one table for each width of registers. A score is one chain of FMAs over the head's
// width and an output one over the positions, so that no result depends on how many queries are computed together; both
// tables give the same bits.

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace paddock::kernels {

// Positions whose scores are computed before their softmax: a page's, unless pages are larger.
inline constexpr int64_t kPositionsAtOnce = 64;
// Rows of scores and outputs are made of so many floats, the rest zero.
inline constexpr int64_t kLanes = 16;

// The softmax of queries over some positions: sums are relative to the largest score.
struct SoftmaxSums {
  float* maximum = nullptr;  // [queries]; -infinity: nothing seen
  float* total = nullptr;    // [queries]
  float* out = nullptr;      // [queries][padded_width], a multiple of kLanes
};

// The query heads of consecutive rows that share one key/value head: query = row * group + head.
struct QueryBlock {
  const float* q = nullptr;  // of the first row and head; rows `row_stride` apart, heads `head_width`
  int64_t row_stride = 0;
  int64_t rows = 0;
  int64_t group = 0;
  int64_t head_width = 0;
  int64_t padded_width = 0;
  float scale = 0;
  SoftmaxSums sums;
  // Scratch. `shrink` has room for kLanes more.
  float* shrink = nullptr;   // [queries]
  int32_t* ends = nullptr;   // [queries]
  float* scores = nullptr;   // [queries][kPositionsAtOnce]
  float* keys = nullptr;     // [padded_width][kPositionsAtOnce]
  float* decoded = nullptr;  // [kPositionsAtOnce][padded_width]
};

// Keys or values of consecutive positions, as tensor/kv_row.h stores them.
struct CachedRows {
  const std::byte* first = nullptr;
  tensor::DType dtype = tensor::DType::kF32;
  int64_t row_bytes = 0;
  ptrdiff_t next = 0;  // to the rows that come next, in bytes; 0 where nothing does. They are fetched meanwhile.
};

// At most kPositionsAtOnce cached positions of one key/value head, of which row r sees [begin, min(count, end + r)).
struct CachedPositions {
  CachedRows keys;
  CachedRows values;
  int64_t begin = 0;
  int64_t count = 0;
  int64_t end = 0;  // may be negative
};

struct AttendKernels {
  const char* name;
  // Adds the positions to the sums of the queries that see them.
  void (*add_positions)(const QueryBlock& block, const CachedPositions& positions);
  // Adds `part`, later positions of the same queries, to `whole`.
  void (*merge)(const SoftmaxSums& part, int64_t queries, int64_t padded_width, const SoftmaxSums& whole);
  // out = sums.out / sums.total, rows and heads as those of block.q.
  void (*finish)(const QueryBlock& block, const SoftmaxSums& sums, float* out);
  // As tensor::encode_kv_row.
  void (*encode_row)(tensor::DType dtype, const float* from, std::byte* to, int64_t width);
};

// Call only where the processor has the feature.
namespace avx2 {
extern const AttendKernels kAttendKernels;
}
namespace avx512 {
extern const AttendKernels kAttendKernels;
}

}  // namespace paddock::kernels
