// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where tests find their pictures. Only included by tests.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "base/digest.h"
#include "image/tiles.h"

namespace paddock::image {

// Small pictures, and what is expected of them.
inline std::filesystem::path test_picture(const std::string& name) {
  return std::filesystem::path(PADDOCK_SOURCE_DIR) / "tests/data/vision" / name;
}

// The whole set, which is not in the repository: PADDOCK_REFERENCE, or shared/reference beside the sources.
inline std::filesystem::path reference_picture(const std::string& name) {
  const char* folder = std::getenv("PADDOCK_REFERENCE");
  const std::filesystem::path beside = std::filesystem::path(PADDOCK_SOURCE_DIR) / "../shared/reference";
  return (folder ? std::filesystem::path(folder) : beside) / "vision" / name;
}

inline std::string read_test_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline nlohmann::json read_test_json(const std::filesystem::path& path) {
  return nlohmann::json::parse(read_test_file(path));
}

inline std::span<const std::byte> as_file(const std::string& bytes) { return std::as_bytes(std::span(bytes)); }

inline std::string digest_of(const std::vector<uint8_t>& bytes) {
  return to_hex(sha256(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
}

}  // namespace paddock::image

#define SKIP_WITHOUT_REFERENCE()                             \
  if (!std::filesystem::exists(reference_picture("images"))) \
  GTEST_SKIP() << reference_picture("images") << " is not there; set PADDOCK_REFERENCE to the folder of reference data"
