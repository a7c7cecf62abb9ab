// SPDX-License-Identifier: Apache-2.0
#pragma once
// For fuzz targets: touches everything that a parser has let through.

#include <cstddef>
#include <span>
#include <vector>

#include "base/check.h"
#include "checkpoint/named_tensor.h"
#include "tensor/decode.h"

namespace paddock::checkpoint {

// Each view lies in `file` and has the bytes of its shape; every byte is read and the first block decoded.
inline void walk_tensors(const std::vector<NamedTensor>& tensors, std::span<const std::byte> file) {
  size_t total = 0;
  volatile unsigned sum = 0;
  for (const NamedTensor& tensor : tensors) {
    const tensor::TensorView& view = tensor.view;
    CHECK(!tensor.name.empty());
    if (view.bytes.empty()) continue;
    CHECK(view.bytes.data() >= file.data() && view.bytes.data() + view.bytes.size() <= file.data() + file.size());
    CHECK(view.bytes.size() == tensor::row_bytes(view.dtype, view.values()));
    for (const std::byte byte : view.bytes) sum = sum + std::to_integer<unsigned>(byte);
    total += view.bytes.size();
    if (!tensor::is_decodable(view.dtype)) continue;
    std::vector<float> block(static_cast<size_t>(tensor::info(view.dtype).values));
    tensor::decode_row(view.dtype, view.bytes.data(), block.data(), static_cast<int64_t>(block.size()));
  }
  CHECK(total <= file.size());  // no two overlap
}

}  // namespace paddock::checkpoint
