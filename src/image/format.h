// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which format a file has, by its first bytes. Names and declared types are not asked.

#include <cstddef>
#include <span>

#include "base/result.h"

namespace paddock::image {

enum class Format { kJpeg, kPng, kWebp, kGif };

Result<Format> find_format(std::span<const std::byte> file);

}  // namespace paddock::image
