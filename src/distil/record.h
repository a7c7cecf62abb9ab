// SPDX-License-Identifier: Apache-2.0
#pragma once
// A finished record, read document by document in any order.

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "distil/document.h"
#include "distil/manifest.h"
#include "distil/record_writer.h"
#include "distil/shard.h"

namespace paddock::distil {

// What is complete so far, for people: reads the manifest alone.
struct RecordOverview {
  Manifest manifest;
  RecordCounts counts;
};
Result<RecordOverview> look_at_record(const std::filesystem::path& folder);

// A student reads the teacher's token ids: refused where its tokenizer (text::identity_of) numbers other tokens.
// `student` is named in the error.
Result<void> require_tokenizer(const RecordFacts& facts, const Digest& tokenizer, std::string_view student);

// Movable; const methods may be called by any thread.
class Record {
 public:
  // Every shard's head, index and last digest have been checked against the manifest; documents are checked when they
  // are read. An unfinished record is an error that says how to go on.
  static Result<Record> open(const std::filesystem::path& folder);

  const RecordFacts& facts() const { return manifest_.facts; }
  const RecordCounts& counts() const { return counts_; }
  int64_t documents() const { return counts_.documents; }
  int64_t tokens_of(int64_t document) const;

  // `document` is in [0, documents()). Refused: bytes that are not what was recorded.
  Result<Document> read(int64_t document) const;

 private:
  struct Shard {
    MappedFile file;
    ShardHead head;
    std::vector<IndexEntry> entries;
  };
  // The shard that holds it.
  const Shard& shard_of(int64_t document) const;

  Manifest manifest_;
  RecordCounts counts_;
  std::vector<Shard> shards_;
};

}  // namespace paddock::distil
