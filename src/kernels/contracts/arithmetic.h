// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace paddock::kernels {

// What a product with weights is computed in: the peak that its speed is held to.
enum class Arithmetic : uint8_t { kFloat32, kBf16, kInt8 };
inline constexpr size_t kArithmetics = 3;

}  // namespace paddock::kernels
