// SPDX-License-Identifier: Apache-2.0
// Any numbers in any format that can be written: the first byte chooses the format, the rest is cut to whole blocks of
// float32. What comes back is finite and no further from the numbers than they are large.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "tensor/decode.h"
#include "tensor/encode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::tensor;
  constexpr int kFormats = static_cast<int>(DType::kMXFP4) + 1;
  if (size == 0) return 0;
  const auto dtype = static_cast<DType>(data[0] % kFormats);
  if (!is_encodable(dtype)) return 0;
  const int64_t block = info(dtype).values, count = static_cast<int64_t>((size - 1) / 4) / block * block;
  std::vector<float> values(static_cast<size_t>(count)), back(values.size());
  if (count > 0) std::memcpy(values.data(), data + 1, values.size() * sizeof(float));
  const float most = largest_encodable(dtype);
  for (float& value : values) value = std::isfinite(value) ? std::clamp(value, -most, most) : 0.0f;
  std::vector<std::byte> bytes(row_bytes(dtype, count));
  encode_row(dtype, values.data(), bytes.data(), count);
  decode_row(dtype, bytes.data(), back.data(), count);
  for (int64_t first = 0; first < count; first += block) {
    double largest = 0, furthest = 0;
    for (int64_t index = first; index < first + block; ++index) {
      const auto at = static_cast<size_t>(index);
      CHECK(std::isfinite(back[at]));
      largest = std::max<double>(largest, std::abs(values[at]));
      furthest = std::max<double>(furthest, std::abs(static_cast<double>(back[at]) - values[at]));
    }
    CHECK(furthest <= 2 * largest + 1e-5);  // halves begin at 6e-8, and a scale stands before up to 127 quants
  }
  return 0;
}
