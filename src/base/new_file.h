// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that appears whole or not at all.

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.h"

namespace paddock {

// Bytes go to a temporary file beside the path, which takes the path's place in commit(). Destroyed before that, it
// leaves nothing behind. One thread at a time.
class NewFile {
 public:
  // An existing regular file is replaced, through a link too; anything else of that name (a folder, a device) is an
  // error. `mode`: who may read and write it, less what the process forbids.
  static Result<NewFile> create(const std::filesystem::path& path, mode_t mode = 0666);

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text);
  Result<void> write_zeros(size_t count);  // fewer than 4096

  // On the disk before it has its name. Nothing may be called afterwards.
  Result<void> commit();

  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

 private:
  NewFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor);

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_;  // -1: committed or moved from
};

// All of them, however often the system stops in between. `path` is named in the error.
Result<void> write_all(int descriptor, std::span<const std::byte> bytes, const std::filesystem::path& path);

}  // namespace paddock
