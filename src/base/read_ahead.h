// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files into the page cache before somebody waits for them. A page fault reads little at once and only then; here many
// requests stand before the disk at any time.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/file_pages.h"

namespace paddock {

// Reads what is missing, in the order of the parts, in a thread of its own, until it is done, fails or is destroyed:
// the first `urgent` bytes as fast as the disk gives them, the others so that page faults meanwhile wait little. What
// is in the page cache already costs a question for each half megabyte. A failure says nothing: whoever needs the page
// will meet it.
class ReadAhead {
 public:
  // The files must outlive it.
  explicit ReadAhead(std::vector<FilePart> parts, size_t urgent = SIZE_MAX);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // Returns when the first `bytes` of the parts, or all, are there, or never will be.
  void wait_for(size_t bytes, const LoadProgress& progress);
  void wait_for(const LoadProgress& progress) { wait_for(total_size(pieces_), progress); }

 private:
  void read();
  bool tell(size_t done);

  std::vector<FilePart> pieces_;
  size_t urgent_;  // bytes
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t done_ = 0;  // bytes
  bool ended_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace paddock
