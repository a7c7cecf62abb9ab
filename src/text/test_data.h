// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where tests find their data. Only included by tests.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace paddock::text {

inline std::filesystem::path test_data(const std::string& name) {
  return std::filesystem::path(PADDOCK_SOURCE_DIR) / "tests/data/tokenizer" / name;
}

// The large reference files, which are not in the repository: PADDOCK_REFERENCE, or shared/reference beside the
// sources.
inline std::filesystem::path reference_data(const std::string& name) {
  const char* folder = std::getenv("PADDOCK_REFERENCE");
  const std::filesystem::path beside = std::filesystem::path(PADDOCK_SOURCE_DIR) / "../shared/reference";
  return (folder != nullptr ? std::filesystem::path(folder) : beside) / name;
}

inline std::string read_test_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace paddock::text

#define SKIP_WITHOUT_REFERENCE(name)                  \
  if (!std::filesystem::exists(reference_data(name))) \
  GTEST_SKIP() << reference_data(name) << " is not there; set PADDOCK_REFERENCE to the folder of reference data"
