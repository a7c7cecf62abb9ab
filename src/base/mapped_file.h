// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file as bytes in memory, read by the operating system on first touch.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.h"

namespace paddock {

// A read-only mapping of a whole regular file. Movable; unmapped when destroyed. Const methods may be called by any
// thread.
class MappedFile {
 public:
  // An empty file gives empty bytes. A folder, a device or a missing file is an error that names it.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return descriptor_; }  // open for reading while the object lives

 private:
  MappedFile() = default;

  std::span<const std::byte> bytes_;
  int descriptor_ = -1;
  std::filesystem::path path_;
};

// Bytes of a mapped file, which must outlive it.
struct FilePart {
  const MappedFile* file = nullptr;
  size_t offset = 0;  // in the file
  size_t size = 0;

  size_t end() const { return offset + size; }
};

// The whole file as a string; refuses files of more than `limit` bytes before reading them.
Result<std::string> read_text_file(const std::filesystem::path& path, size_t limit = size_t{1} << 30);

}  // namespace paddock
