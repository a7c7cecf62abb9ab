// SPDX-License-Identifier: Apache-2.0
#include "export/row_encoder.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "tensor/encode.h"

namespace paddock::exporting {
namespace {

constexpr int64_t kValuesAtOnce = int64_t{1} << 22;  // 16 MiB of float32

}  // namespace

void RowEncoder::spread(int64_t count, const std::function<void(int64_t, int64_t)>& body) {
  pool_.parallel_for(count, 1, [&](int64_t begin, int64_t end, int) { body(begin, end); });
}

Result<void> RowEncoder::encode(const std::string& tensor, tensor::DType dtype, int64_t width,
                                std::span<const float> values, const checkpoint::TakeBytes& take) {
  const float most = tensor::largest_encodable(dtype);
  const size_t row_bytes = tensor::row_bytes(dtype, width);
  const int64_t rows = static_cast<int64_t>(values.size()) / width,
                at_once = std::clamp<int64_t>(kValuesAtOnce / width, 1, std::max<int64_t>(rows, 1));
  for (int64_t first = 0; first < rows; first += at_once) {
    const int64_t count = std::min(at_once, rows - first);
    bytes_.resize(static_cast<size_t>(count) * row_bytes);
    std::atomic<int64_t> refused{-1};
    spread(count, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const float* const numbers = values.data() + (first + row) * width;
        const float* const wrong =
            std::find_if(numbers, numbers + width, [&](float number) { return !(std::abs(number) <= most); });
        if (wrong != numbers + width)
          refused = wrong - values.data();
        else
          tensor::encode_row(dtype, numbers, bytes_.data() + static_cast<size_t>(row) * row_bytes, width);
      }
    });
    if (refused >= 0)
      return error(
          ErrorCode::kUnsupported,
          "tensor {}: expected numbers of a magnitude up to {}, which {} can hold, found {}; choose another type",
          tensor, most, tensor::name(dtype), values[static_cast<size_t>(refused.load())]);
    TRY_VOID(take(bytes_));
  }
  return {};
}

}  // namespace paddock::exporting
