// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention over packed texts, forward and backward, without the matrix of scores (Dao, arXiv 2307.08691).

#include <cstdint>
#include <span>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Row t sees rows first[t] .. t, which is all that documents, chunks and positions amount to. For query head h, which
// reads key head h / (N / G):
//   s[j] = q[t] . k[j] * scale;   lse[t, h] = log sum exp s;   out[t] = sum over j of exp(s[j] - lse) v[j]
struct AttendDocuments {
  Rows q, k, v;  // [T, N * H], [T, G * H]
  int64_t heads = 0, head_width = 0;
  std::span<const int32_t> first;  // [T], first[t] <= t
  float scale = 0;
  Rows out;     // [T, N * H]
  Address lse;  // float32 [T, N]
};

// p = exp(s - lse);  dv = p^T dout;  ds = p (dout v^T - rowsum(dout out));  dq = scale ds k;  dk = scale ds^T q
// dk and dv are summed over the query heads that share them.
struct AttendDocumentsBackward {
  AttendDocuments forward;  // as it was called, with what it wrote
  Rows dout;
  Rows dq, dk, dv;  // written
};

}  // namespace paddock::kernels
