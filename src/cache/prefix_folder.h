// SPDX-License-Identifier: Apache-2.0
#pragma once
// Remembered pages on a disk, so that what was computed survives a restart. A folder belongs to one model with one form
// of cache and one machine's arithmetic:
//
//   DIGEST.global, DIGEST.local   a page (page_file.h) of a group, named by the text that ends with it; the file's time
//                                 of change tells when it last served
//   *.part                        a page that is being written, or was when the process ended
//   lock                          held by the process that uses the folder
//
// At the start only the heads are read, so that nothing waits for pages that nobody asks for.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "cache/kv_cache.h"
#include "cache/page_file.h"
#include "cache/page_index.h"

namespace paddock::cache {

// Of a folder since it was opened.
struct PrefixFolderCounts {
  int64_t written = 0, read = 0;  // pages
  int64_t discarded = 0;          // damaged, or of another model, other settings, another version
  int64_t pages = 0;              // that it has now
  uint64_t bytes = 0;             // of their files
};

// Used by the thread that owns the cache. Files are read and written by a thread of the folder's own; what it was given
// is written before it is destroyed.
class PrefixFolder {
 public:
  // `path` is made where there is none, for its owner alone. `limit`: bytes of all files; those that served least
  // recently are removed. `identity`: a digest of what the bits of keys and values depend on, beside the cache's shape.
  // Files that are damaged or were written for something else are removed, with a line in the log. An error: the folder
  // cannot be used, or another process uses it.
  static Result<std::unique_ptr<PrefixFolder>> open(const std::filesystem::path& path, uint64_t limit,
                                                    const Digest& identity, const CacheShape& shape);
  ~PrefixFolder();
  PrefixFolder(const PrefixFolder&) = delete;

  // What stands before the first page of every text.
  const Digest& root() const { return model_; }

  std::optional<PageIndex::Found> find(const Digest& before, std::span<const int32_t> tokens) const;
  bool has(const PageName& page) const;  // stored, or on its way

  // When `pages` pages one after another serve now: the moment of the last one. Each page before it has the next
  // moment, because without it those behind would be of no use.
  int64_t moment(int64_t pages);
  void use(const PageName& page, int64_t moment);

  // Whether the disk has taken what it was last given. It is tried again after a minute.
  bool is_writable() const;
  // Whether write() should be called now: the bytes that wait are bounded.
  bool can_write() const;
  void write(PageName page, int64_t moment, std::vector<std::byte> bytes);

  // Reads these pages, in this order, and none of the call before.
  void read(std::vector<PageName> pages);
  // The next of them that has come.
  struct ReadPage {
    PageName name;
    std::vector<std::byte> file;
    std::span<const std::byte> bytes;  // of the page, in `file`; empty: it could not be read
  };
  std::optional<ReadPage> take();

  // Returns when a page has come or been written, or after `seconds`.
  void wait(double seconds);

  PrefixFolderCounts counts() const;  // thread-safe

 private:
  struct Waiting {
    PageName name;
    int64_t moment = 0;
    std::vector<std::byte> bytes;
  };

  PrefixFolder(std::filesystem::path path, uint64_t limit, const Digest& model, const CacheShape& shape, int lock);
  Result<void> look_around();
  PageHead head_of(const PageName& page) const;
  Result<PageHead> read_head(const std::filesystem::path& path) const;
  Result<void> check(const PageHead& head, const std::string& source) const;
  std::filesystem::path path_of(const PageName& page) const;
  void run();
  Result<void> write_file(const Waiting& page);
  void written(const Waiting& page, const Result<void>& result);
  ReadPage read_file(const PageName& name);
  void remove_file(const PageName& page);  // with the mutex held
  void make_room(uint64_t bytes);          // with the mutex held
  void note_moments();

  const std::filesystem::path path_;
  const uint64_t limit_;
  const Digest model_;
  const CacheShape shape_;
  const int lock_;

  mutable std::mutex mutex_;
  std::condition_variable wake_, done_;
  PageIndex index_;
  int64_t opened_ = 0;       // the moment
  int64_t last_moment_ = 0;  // that was given out
  std::deque<Waiting> to_write_;
  size_t waiting_bytes_ = 0;  // of these
  std::set<std::pair<Digest, Group>> on_the_way_;
  std::deque<PageName> to_read_;
  int64_t reading_ = 0;  // which call of read()
  std::deque<ReadPage> came_;
  size_t came_bytes_ = 0;  // of these
  int64_t refused_ = 0;    // the moment when the disk last refused; 0: it did not
  PrefixFolderCounts counts_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace paddock::cache
