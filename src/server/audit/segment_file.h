// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that grows by whole lines or not at all.

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace paddock::server::audit {

// One thread at a time, but for sync().
class SegmentFile {
 public:
  SegmentFile() = default;
  // Made readable and writable by its owner alone when there is none. `size`: what of it is good. A rest stays until
  // the first line has been written over it.
  static Result<SegmentFile> open(const std::filesystem::path& path, int64_t size);
  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&& other) noexcept;
  ~SegmentFile();

  int64_t size() const { return size_; }
  // All of the line or an error, after which the file is as it was; what could not be taken back at once is taken back
  // before the next line.
  Result<void> append(std::string_view line);
  // Over bytes that the file has: needs no room on the disk.
  Result<void> overwrite(std::string_view bytes);
  // Onto the disk. May run while another thread appends.
  Result<void> sync() const;

 private:
  Result<void> cut();

  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
  bool has_rest_ = false;  // bytes behind size_
};

// A new or removed name in a folder is on the disk.
Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace paddock::server::audit
