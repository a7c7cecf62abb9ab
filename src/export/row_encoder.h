// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of float32 to the bytes of a file.

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "checkpoint/tensor_to_write.h"

namespace paddock::exporting {

class RowEncoder {
 public:
  // `threads`: 0 takes one for each core.
  explicit RowEncoder(int threads) : pool_(threads) {}

  // Rows of `width` numbers, several at once on threads; the bytes are the same for any number of these. Numbers that
  // are not finite or beyond what the format holds are an error that names `tensor`.
  Result<void> encode(const std::string& tensor, tensor::DType dtype, int64_t width, std::span<const float> values,
                      const checkpoint::TakeBytes& take);

  // body(begin, end) for ranges that cover [0, count).
  void spread(int64_t count, const std::function<void(int64_t, int64_t)>& body);

 private:
  ThreadPool pool_;
  std::vector<std::byte> bytes_;
};

}  // namespace paddock::exporting
