// SPDX-License-Identifier: Apache-2.0
#include "export/storage.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/check.h"
#include "tensor/encode.h"

namespace paddock::exporting {

using tensor::DType;

std::optional<DType> storage_type(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](unsigned char letter) { return std::toupper(letter); });
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ5_1, DType::kQ5_0, DType::kQ4_1, DType::kQ4_0,
        DType::kQ6_K, DType::kQ5_K, DType::kQ4_K, DType::kQ3_K, DType::kQ2_K})
    if (tensor::name(dtype) == upper) return dtype;
  return std::nullopt;
}

DType type_for(DType wanted, Role role) {
  const bool coarse = wanted == DType::kQ2_K || wanted == DType::kQ3_K;
  const bool k_quants = coarse || wanted == DType::kQ4_K || wanted == DType::kQ5_K;
  switch (role) {
    case Role::kNorm:
    case Role::kRouter: return DType::kF32;
    case Role::kHead: return k_quants || wanted == DType::kQ4_0 ? DType::kQ6_K : wanted;
    case Role::kAttentionValues: return coarse ? DType::kQ4_K : k_quants ? DType::kQ6_K : wanted;
    case Role::kDown: return wanted == DType::kQ2_K ? DType::kQ3_K : wanted == DType::kQ3_K ? DType::kQ4_K : wanted;
    case Role::kEmbedding:
    case Role::kOther: return wanted;
  }
  return wanted;
}

DType fitting_type(DType type, int64_t width) {
  if (width % tensor::info(type).values == 0) return type;
  if (width % 32 != 0) return DType::kF16;
  switch (type) {
    case DType::kQ2_K:
    case DType::kQ3_K: return DType::kQ4_0;
    case DType::kQ4_K: return DType::kQ5_0;
    case DType::kQ5_K: return DType::kQ5_1;
    default: return DType::kQ8_0;
  }
}

uint64_t gguf_file_type(DType wanted) {
  switch (wanted) {
    case DType::kF32: return 0;
    case DType::kF16: return 1;
    case DType::kQ4_0: return 2;
    case DType::kQ4_1: return 3;
    case DType::kQ8_0: return 7;
    case DType::kQ5_0: return 8;
    case DType::kQ5_1: return 9;
    case DType::kQ2_K: return 10;
    case DType::kQ3_K: return 12;
    case DType::kQ4_K: return 15;
    case DType::kQ5_K: return 17;
    case DType::kQ6_K: return 18;
    case DType::kBF16: return 32;
    default: CHECK(tensor::is_encodable(wanted)); return 0;
  }
}

}  // namespace paddock::exporting
