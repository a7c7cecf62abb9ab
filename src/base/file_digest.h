// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a file holds, as a digest.

#include <filesystem>

#include "base/digest.h"
#include "base/result.h"

namespace paddock {

// SHA-256 of all its bytes.
Result<Digest> file_digest(const std::filesystem::path& path);

}  // namespace paddock
