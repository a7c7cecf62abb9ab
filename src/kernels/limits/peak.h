// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arithmetic at its fastest: loops over registers and the first cache alone. Each does `rounds` rounds and returns the
// operations they were, a multiplication and an addition counting as two. Compiled with the machine's own flags: call
// one only where the processor has its feature.

#include <cstdint>

namespace paddock::kernels {

namespace avx2 {
int64_t peak_f32(int64_t rounds);   // FMA on 8 floats
int64_t peak_int8(int64_t rounds);  // unsigned by signed bytes into int32, in three instructions
}  // namespace avx2
namespace avx512 {
int64_t peak_f32(int64_t rounds);   // FMA on 16 floats
int64_t peak_int8(int64_t rounds);  // VNNI
}  // namespace avx512
namespace amx {
int64_t peak_int8(int64_t rounds);  // tiles of 16 x 64 bytes
int64_t peak_bf16(int64_t rounds);  // tiles of 16 x 32 bf16
}  // namespace amx

}  // namespace paddock::kernels
