// SPDX-License-Identifier: Apache-2.0
#pragma once
// Layers fall into two groups: global layers keep every position, local ones the chunk that the next position lies in.

#include <array>
#include <cstddef>

namespace paddock::cache {

enum Group : size_t { kGlobal, kLocal, kGroups };
inline constexpr std::array kAllGroups = {kGlobal, kLocal};

}  // namespace paddock::cache
