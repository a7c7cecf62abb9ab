// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that grows by appending and gets its name when it is complete. What a killed process leaves of it is found
// again under the other name.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace paddock::distil {

class GrowingFile {
 public:
  // `path` with ".part" behind it. `keep`: bytes of an existing file that stay, 0 for a new one.
  static Result<GrowingFile> open(const std::filesystem::path& path, uint64_t keep);
  static std::filesystem::path part_of(const std::filesystem::path& path);

  uint64_t bytes() const { return bytes_; }
  Result<void> append(std::span<const std::byte> bytes);
  Result<void> sync();      // what was appended is on the disk
  Result<void> complete();  // and has its name. Nothing may be called afterwards

  GrowingFile(GrowingFile&& other) noexcept;
  GrowingFile& operator=(GrowingFile&&) = delete;
  ~GrowingFile();

 private:
  GrowingFile(std::filesystem::path path, int descriptor, uint64_t bytes);

  std::filesystem::path path_;
  int descriptor_;
  uint64_t bytes_;
};

// Held by one process at a time while it lives.
class FolderLock {
 public:
  // Makes the folder where it is not there.
  static Result<FolderLock> take(const std::filesystem::path& folder);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace paddock::distil
