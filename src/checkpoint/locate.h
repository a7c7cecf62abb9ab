// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the path that a user gives to the files of one checkpoint.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace paddock::checkpoint {

struct Location {
  enum class Kind { kGguf, kSafetensors, kSafetensorsIndex };

  Kind kind = Kind::kGguf;
  std::vector<std::filesystem::path>
      files;                     // kGguf: the first split; kSafetensors: all shards; kSafetensorsIndex: the index
  std::filesystem::path folder;  // that the files lie in
};

// `path` is a file or a folder. In a folder an index of shards comes first, then model.safetensors, then the only
// safetensors file or a complete set of shards without an index, then the only GGUF file or set of splits. Anything
// else is an error that says what was found.
Result<Location> locate(const std::filesystem::path& path);

// The place that a file name of the form NAME-00002-of-00005.EXTENSION claims.
struct PartName {
  std::string stem;       // NAME
  std::string extension;  // with its point
  int number = 1;         // 1 to count
  int count = 1;

  std::string file_name(int part) const;
};
std::optional<PartName> parse_part_name(const std::string& file_name);

// "a, b and 3 more": the names of at most three, for errors.
std::string list_of(const std::vector<std::string>& names);

}  // namespace paddock::checkpoint
