// SPDX-License-Identifier: Apache-2.0
#pragma once
// A record as it grows: documents in, shards and manifest out. After a crash it goes on with the first document that
// is not on the disk, and the files become the same bytes as without the crash.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "distil/document.h"
#include "distil/growing_file.h"
#include "distil/manifest.h"
#include "distil/shard.h"

namespace paddock::distil {

// Of all that is recorded.
struct RecordCounts {
  int64_t documents = 0, tokens = 0, places = 0, bytes = 0;
  double tail_mass = 0, loss = 0;  // sums over places

  void add(const ShardEntry& shard);
};

class RecordWriter {
 public:
  // A new record in a new or empty folder, or the one that is there if it is of the same facts and recipe. A shard is
  // as long as whole documents make it, up to `shard_bytes`, and one document at least.
  static Result<RecordWriter> open(const std::filesystem::path& folder, const RecordFacts& facts,
                                   const std::string& recipe, int64_t shard_bytes);

  bool is_complete() const { return manifest_.is_complete; }
  int64_t documents() const { return counts().documents; }  // that need not be recorded any more
  RecordCounts counts() const;

  Result<void> add(const Document& document);
  Result<void> sync();    // what was added outlives a crash
  Result<void> finish();  // nothing may be added afterwards

 private:
  RecordWriter(std::filesystem::path folder, FolderLock lock, int64_t shard_bytes);

  std::filesystem::path path_of(size_t number) const { return folder_ / shard_name(number); }
  ShardHead head_of(size_t number) const;
  Result<void> find_finished_shards();
  Result<void> go_on();
  Result<void> begin_shard();
  Result<void> finish_shard();
  ShardEntry entry_of_current() const;

  std::filesystem::path folder_;
  FolderLock lock_;
  int64_t shard_bytes_;
  Manifest manifest_;
  // The shard that grows.
  std::optional<GrowingFile> file_;
  std::vector<std::byte> head_;
  std::vector<IndexEntry> entries_;
};

}  // namespace paddock::distil
