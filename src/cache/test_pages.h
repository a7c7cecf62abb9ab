// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pages and files for tests and fuzz targets.

#include <cstddef>
#include <random>
#include <span>
#include <vector>

#include "cache/page_file.h"

namespace paddock::cache {

inline std::vector<std::byte> some_bytes(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

inline std::vector<std::byte> whole_file(const PageHead& head, std::span<const std::byte> page) {
  std::vector<std::byte> file = write_head(head);
  const Digest behind = page_digest(file, page);
  file.insert(file.end(), page.begin(), page.end());
  const auto bytes = std::as_bytes(std::span(behind));
  file.insert(file.end(), bytes.begin(), bytes.end());
  return file;
}

}  // namespace paddock::cache
