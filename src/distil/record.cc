// SPDX-License-Identifier: Apache-2.0
#include "distil/record.h"

#include <algorithm>

#include "base/check.h"

namespace paddock::distil {

Result<RecordOverview> look_at_record(const std::filesystem::path& folder) {
  RecordOverview overview;
  overview.manifest = TRY(read_manifest(folder));
  for (const ShardEntry& shard : overview.manifest.shards) overview.counts.add(shard);
  return overview;
}

Result<void> require_tokenizer(const RecordFacts& facts, const Digest& tokenizer, std::string_view student) {
  if (tokenizer == facts.tokenizer) return {};
  return error(ErrorCode::kInvalidArgument,
               "{}: expected the tokenizer of the teacher {}, found another; let the teacher write texts and train on "
               "these instead",
               student, facts.teacher_name);
}

Result<Record> Record::open(const std::filesystem::path& folder) {
  RecordOverview overview = TRY(look_at_record(folder));
  if (!overview.manifest.is_complete)
    return error(ErrorCode::kBadFile,
                 "{}: expected a finished record, found one that was interrupted; run the same `paddock distil record` "
                 "again to go on with it",
                 folder.string());
  Record record;
  record.manifest_ = std::move(overview.manifest);
  record.counts_ = overview.counts;
  int64_t first = 0;
  for (const ShardEntry& entry : record.manifest_.shards) {
    MappedFile file = TRY(MappedFile::open(folder / entry.file));
    const std::string source = file.path().string();
    ShardHead head = TRY(parse_head(file.bytes(), source));
    std::vector<IndexEntry> entries = TRY(parse_index(file.bytes(), source));
    const RecordFacts& facts = record.facts();
    const ShardHead expected{facts.kept, facts.vocabulary, static_cast<uint32_t>(record.shards_.size()),
                             first,      facts.teacher,    facts.tokenizer};
    if (head != expected || last_digest(file.bytes()) != entry.digest ||
        static_cast<int64_t>(entries.size()) != entry.documents)
      return error(ErrorCode::kBadFile, "{}: expected the shard that {} names, found another; record it again", source,
                   (folder / kManifestName).string());
    first += entry.documents;
    record.shards_.push_back({std::move(file), head, std::move(entries)});
  }
  record.counts_.documents = first;
  return record;
}

const Record::Shard& Record::shard_of(int64_t document) const {
  CHECK(document >= 0 && document < documents());
  const auto behind =
      std::ranges::upper_bound(shards_, document, {}, [](const Shard& shard) { return shard.head.first_document; });
  return *(behind - 1);
}

int64_t Record::tokens_of(int64_t document) const {
  const Shard& shard = shard_of(document);
  return shard.entries[static_cast<size_t>(document - shard.head.first_document)].tokens;
}

Result<Document> Record::read(int64_t document) const {
  const Shard& shard = shard_of(document);
  return read_block(shard.file.bytes(), shard.head,
                    shard.entries[static_cast<size_t>(document - shard.head.first_document)], document,
                    shard.file.path().string());
}

}  // namespace paddock::distil
