// SPDX-License-Identifier: Apache-2.0
// Any bytes in any format: the first byte chooses the format, the rest is cut to whole blocks.

#include <cstdint>
#include <cstring>
#include <vector>

#include "tensor/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::tensor;
  constexpr int kFormats = static_cast<int>(DType::kMXFP4) + 1;
  if (size == 0) return 0;
  const auto dtype = static_cast<DType>(data[0] % kFormats);
  if (!is_decodable(dtype)) return 0;
  // Copied to a buffer of exactly its size, so that a read past the row is seen.
  const auto blocks = static_cast<int64_t>((size - 1) / static_cast<size_t>(info(dtype).bytes));
  const int64_t count = blocks * info(dtype).values;
  std::vector<std::byte> bytes(row_bytes(dtype, count));
  if (!bytes.empty()) std::memcpy(bytes.data(), data + 1, bytes.size());
  std::vector<float> values(static_cast<size_t>(count));
  decode_row(dtype, bytes.data(), values.data(), count);
  return 0;
}
