// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention over cached keys and values that lie in pages.

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"
#include "tensor/kv_row.h"

namespace paddock::kernels {

// Where one layer's keys and values lie: `page_bytes` apart, K[G][page_positions][H] at `offset`, then V alike. The H
// numbers of a position are a row (tensor/kv_row.h); rows follow each other without a gap.
struct KvPages {
  Address base;
  tensor::KvFormat format;
  size_t page_bytes = 0;                      // from one page to the next: all layers of the pool
  size_t offset = 0;                          // of this layer inside a page
  int64_t page_positions = 0;
  int64_t kv_heads = 0;    // G
  int64_t head_width = 0;  // H
};

// The rows of one sequence in this step: consecutive positions. Position p lies in pages[p / page_positions -
// first_page].
struct SequenceRows {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t first_position = 0;
  std::span<const int32_t> pages;
  int64_t first_page = 0;  // pages before it have been given back
};

// cache[position of row t] = (k[t], v[t]), as tensor::encode_kv_row rounds them: the same bytes on every machine.
struct AppendKv {
  Rows k_TGH, v_TGH;
  KvPages cache;
  std::span<const SequenceRows> sequences;
};

// out[t, n] = sum over visible j of softmax_j( q[t, n] . k[j, g] * scale ) v[j, g],   g = n / (N / G)
// j is visible to position i iff j <= i and floor(i / chunk) == floor(j / chunk); chunk 0: all j <= i.
// k and v are the stored numbers, exactly. |out - exact| <= 2^-24 (2 H s + 64) max |v|, where s is the largest
// |q| |k| scale of a visible j: a score is a sum of H rounded products, and its error is a weight's relative one. What
// is not a number where it is seen makes its queries' outputs not a number. Softmax is computed page by page with a
// running maximum, in order of position: the result does not depend on what else is in the step, nor on how the prompt
// was cut into steps.
struct Attend {
  Rows q_TNH;
  KvPages cache;
  std::span<const SequenceRows> sequences;
  int64_t query_heads = 0;  // N, a multiple of G
  int64_t chunk = 0;        // positions; 0 for global layers
  float scale = 0;          // 1 / sqrt(H)
  Rows out_TNH;
};

}  // namespace paddock::kernels
