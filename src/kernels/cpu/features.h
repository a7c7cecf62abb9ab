// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this processor and its operating system let a program use.

#include <string>

namespace paddock::kernels {

// Groups as the machines need them: each holds all of its parts or none.
struct CpuFeatures {
  bool avx2 = false;         // AVX2, FMA, F16C
  bool avx_vnni = false;     // 256-bit VNNI on processors without AVX-512
  bool avx512 = false;       // F, BW, DQ, VL and VNNI
  bool avx512_bf16 = false;  // besides avx512
  bool amx_int8 = false;     // tiles, and the system grants them to this process
  bool amx_bf16 = false;
};

// Asked once; asking makes the system grant AMX tiles to the process where there are any.
const CpuFeatures& cpu_features();

// "AVX2, AVX-512 VNNI, AMX int8", "none beyond the baseline".
std::string feature_names(const CpuFeatures& features);

// "Intel(R) Xeon(R) Platinum 8488C", or "unknown processor".
std::string processor_name();

}  // namespace paddock::kernels
