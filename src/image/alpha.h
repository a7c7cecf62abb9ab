// SPDX-License-Identifier: Apache-2.0
#pragma once
// Transparency laid on white.

#include <cstdint>

namespace paddock::image {

// `count` pixels of RGBA (alpha not multiplied in) to RGB. The two may begin at the same address.
void lay_on_white(const uint8_t* rgba, int64_t count, uint8_t* rgb);

}  // namespace paddock::image
