// SPDX-License-Identifier: Apache-2.0
// How GGUF numbers the types of tensors.

#include <array>

#include "checkpoint/gguf.h"
#include "checkpoint/wording.h"

namespace paddock::checkpoint {
namespace {

using tensor::DType;

struct Numbered {
  uint32_t number;
  DType dtype;
};

constexpr std::array kTypes = {
    Numbered{0, DType::kF32},      Numbered{1, DType::kF16},     Numbered{2, DType::kQ4_0},
    Numbered{3, DType::kQ4_1},     Numbered{6, DType::kQ5_0},    Numbered{7, DType::kQ5_1},
    Numbered{8, DType::kQ8_0},     Numbered{10, DType::kQ2_K},   Numbered{11, DType::kQ3_K},
    Numbered{12, DType::kQ4_K},    Numbered{13, DType::kQ5_K},   Numbered{14, DType::kQ6_K},
    Numbered{16, DType::kIQ2_XXS}, Numbered{17, DType::kIQ2_XS}, Numbered{18, DType::kIQ3_XXS},
    Numbered{19, DType::kIQ1_S},   Numbered{20, DType::kIQ4_NL}, Numbered{21, DType::kIQ3_S},
    Numbered{22, DType::kIQ2_S},   Numbered{23, DType::kIQ4_XS}, Numbered{24, DType::kI8},
    Numbered{25, DType::kI16},     Numbered{26, DType::kI32},    Numbered{27, DType::kI64},
    Numbered{28, DType::kF64},     Numbered{29, DType::kIQ1_M},  Numbered{30, DType::kBF16},
    Numbered{34, DType::kTQ1_0},   Numbered{35, DType::kTQ2_0},  Numbered{39, DType::kMXFP4},
};

// Types that exist and that Paddock does not read: layouts of activations, layouts withdrawn since, and newer ones.
struct Named {
  uint32_t number;
  std::string_view name;
};
constexpr std::array kOthers = {
    Named{4, "Q4_2"},        Named{5, "Q4_3"},        Named{9, "Q8_1"},      Named{15, "Q8_K"},
    Named{31, "Q4_0_4_4"},   Named{32, "Q4_0_4_8"},   Named{33, "Q4_0_8_8"}, Named{36, "IQ4_NL_4_4"},
    Named{37, "IQ4_NL_4_8"}, Named{38, "IQ4_NL_8_8"}, Named{40, "NVFP4"},
};

}  // namespace

Result<DType> dtype_of_gguf(uint32_t number, std::string_view file, std::string_view tensor_name) {
  for (const Numbered& type : kTypes)
    if (type.number == number) return type.dtype;
  for (const Named& type : kOthers)
    if (type.number == number)
      return error(
          ErrorCode::kUnsupported,
          "{}: tensor {}: expected a type that Paddock reads (F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ1 to "
          "IQ4, TQ, MXFP4), found {}; use a file in one of these",
          file, in_quotes(tensor_name), type.name);
  return error(ErrorCode::kBadFile, "{}: tensor {}: expected a GGUF type number, found {}, which is unknown; {}", file,
               in_quotes(tensor_name), number, kDownloadAgain);
}

Result<uint32_t> gguf_number_of(DType dtype) {
  for (const Numbered& type : kTypes)
    if (type.dtype == dtype) return type.number;
  return error(ErrorCode::kUnsupported, "GGUF has no type for {}; convert the tensor to F32, F16 or BF16",
               tensor::name(dtype));
}

}  // namespace paddock::checkpoint
