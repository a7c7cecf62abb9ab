// SPDX-License-Identifier: Apache-2.0
#include "distil/record_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/mapped_file.h"

namespace paddock::distil {
namespace {

namespace fs = std::filesystem;

ShardEntry shard_of(std::span<const IndexEntry> entries) {
  ShardEntry shard;
  shard.documents = static_cast<int64_t>(entries.size());
  for (const IndexEntry& entry : entries) {
    shard.tokens += entry.tokens;
    shard.places += entry.places;
    shard.tail_mass += entry.tail_mass;
    shard.loss += entry.loss;
  }
  return shard;
}

ShardEntry finished_shard(std::string name, std::span<const IndexEntry> entries, std::span<const std::byte> file) {
  ShardEntry shard = shard_of(entries);
  shard.file = std::move(name);
  shard.bytes = static_cast<int64_t>(file.size());
  shard.digest = last_digest(file);
  return shard;
}

// What a process that was killed while it wrote the manifest left; nobody else writes here.
void remove_unnamed_manifests(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(std::string(kManifestName) + ".") && name.ends_with(".part"))
      fs::remove(entry.path(), ignored);
  }
}

// What differs between what was recorded and what is asked, by name.
Result<void> check_same(const Manifest& found, const RecordFacts& facts, const std::string& recipe,
                        const std::string& folder) {
  const auto differs = [&](std::string_view what, const auto& expected, const auto& is) {
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected a record of the same {}, found {} where {} is asked; name another folder, or the same "
                 "{} to go on",
                 folder, what, is, expected, what);
  };
  if (found.facts.teacher != facts.teacher)
    return differs("teacher (its weights, or the arithmetic of the machine)", to_hex(facts.teacher),
                   to_hex(found.facts.teacher));
  if (found.facts.tokenizer != facts.tokenizer)
    return differs("tokenizer", to_hex(facts.tokenizer), to_hex(found.facts.tokenizer));
  if (found.facts.kept != facts.kept) return differs("--top-k", facts.kept, found.facts.kept);
  const Json asked = Json::parse(recipe), recorded = Json::parse(found.recipe);
  for (const auto& [key, value] : asked.items())
    if (!recorded.contains(key) || recorded.at(key) != value)
      return differs(key, value.dump(), recorded.contains(key) ? recorded.at(key).dump() : "none");
  if (asked.size() != recorded.size()) return differs("options", recipe, found.recipe);
  return {};
}

}  // namespace

void RecordCounts::add(const ShardEntry& shard) {
  documents += shard.documents;
  tokens += shard.tokens;
  places += shard.places;
  bytes += shard.bytes;
  tail_mass += shard.tail_mass;
  loss += shard.loss;
}

RecordWriter::RecordWriter(fs::path folder, FolderLock lock, int64_t shard_bytes)
    : folder_(std::move(folder)), lock_(std::move(lock)), shard_bytes_(shard_bytes) {}

Result<RecordWriter> RecordWriter::open(const fs::path& folder, const RecordFacts& facts, const std::string& recipe,
                                        int64_t shard_bytes) {
  CHECK(facts.kept >= 1 && facts.kept <= std::min(kMostKept, facts.vocabulary) && facts.vocabulary <= kMostVocabulary);
  FolderLock lock = TRY(FolderLock::take(folder));
  RecordWriter writer(folder, std::move(lock), shard_bytes);
  remove_unnamed_manifests(folder);
  std::error_code problem;
  if (fs::exists(folder / kManifestName, problem)) {
    writer.manifest_ = TRY(read_manifest(folder));
    TRY_VOID(check_same(writer.manifest_, facts, recipe, folder.string()));
    if (!writer.is_complete()) TRY_VOID(writer.go_on());
    return writer;
  }
  if (!fs::is_empty(folder, problem))
    return error(ErrorCode::kInvalidArgument, "{}: expected an empty folder or a record, found other files",
                 folder.string());
  writer.manifest_.facts = facts;
  writer.manifest_.recipe = recipe;
  TRY_VOID(save_manifest(folder, writer.manifest_));
  return writer;
}

RecordCounts RecordWriter::counts() const {
  RecordCounts counts;
  for (const ShardEntry& shard : manifest_.shards) counts.add(shard);
  if (!entries_.empty()) counts.add(entry_of_current());
  return counts;
}

ShardEntry RecordWriter::entry_of_current() const {
  ShardEntry shard = shard_of(entries_);
  shard.bytes = static_cast<int64_t>(file_->bytes());
  return shard;
}

ShardHead RecordWriter::head_of(size_t number) const {
  int64_t first = 0;
  for (const ShardEntry& shard : manifest_.shards) first += shard.documents;
  return {.kept = manifest_.facts.kept,
          .vocabulary = manifest_.facts.vocabulary,
          .number = static_cast<uint32_t>(number),
          .first_document = first,
          .teacher = manifest_.facts.teacher,
          .tokenizer = manifest_.facts.tokenizer};
}

// Shards that got their name and are not in the manifest yet.
Result<void> RecordWriter::find_finished_shards() {
  for (;;) {
    const size_t number = manifest_.shards.size();
    std::error_code problem;
    if (!fs::exists(path_of(number), problem)) return {};
    const MappedFile file = TRY(MappedFile::open(path_of(number)));
    const std::vector<IndexEntry> entries = TRY(parse_index(file.bytes(), file.path().string()));
    if (TRY(parse_head(file.bytes(), file.path().string())) != head_of(number))
      return error(ErrorCode::kBadFile, "{}: expected the shard that follows the others, found that of another record",
                   file.path().string());
    manifest_.shards.push_back(finished_shard(shard_name(number), entries, file.bytes()));
    TRY_VOID(save_manifest(folder_, manifest_));
  }
}

Result<void> RecordWriter::go_on() {
  TRY_VOID(find_finished_shards());
  const size_t number = manifest_.shards.size();
  const fs::path path = path_of(number), part = GrowingFile::part_of(path);
  std::error_code problem;
  if (!fs::exists(part, problem)) return {};
  uint64_t whole = 0;
  {
    const MappedFile file = TRY(MappedFile::open(part));
    const auto head = parse_head(file.bytes(), part.string());
    if (!head || *head != head_of(number)) return {};  // cut before its head was whole; begun anew
    entries_ = find_blocks(file.bytes(), *head);
    whole = entries_.empty() ? kHeadBytes : entries_.back().offset + entries_.back().bytes + kBlockFrameBytes;
  }
  head_ = write_head(head_of(number));
  file_.emplace(TRY(GrowingFile::open(path, whole)));
  return {};
}

Result<void> RecordWriter::begin_shard() {
  const size_t number = manifest_.shards.size();
  head_ = write_head(head_of(number));
  file_.emplace(TRY(GrowingFile::open(path_of(number), 0)));
  return file_->append(head_);
}

Result<void> RecordWriter::add(const Document& document) {
  CHECK(!is_complete());
  if (!file_) TRY_VOID(begin_shard());
  const auto write = [&] { return write_block(document, head_, documents(), file_->bytes()); };
  Block block = write();
  const uint64_t needed = file_->bytes() + block.bytes.size() + (entries_.size() + 1) * kEntryBytes + kFootBytes;
  if (!entries_.empty() && needed > static_cast<uint64_t>(shard_bytes_)) {
    TRY_VOID(finish_shard());
    TRY_VOID(begin_shard());
    block = write();
  }
  TRY_VOID(file_->append(block.bytes));
  entries_.push_back(block.entry);
  return {};
}

Result<void> RecordWriter::sync() {
  if (!file_) return {};
  return file_->sync();
}

Result<void> RecordWriter::finish_shard() {
  const size_t number = manifest_.shards.size();
  TRY_VOID(file_->append(write_index(head_, entries_)));
  TRY_VOID(file_->complete());
  file_.reset();
  const MappedFile file = TRY(MappedFile::open(path_of(number)));
  manifest_.shards.push_back(finished_shard(shard_name(number), entries_, file.bytes()));
  entries_.clear();
  return save_manifest(folder_, manifest_);
}

Result<void> RecordWriter::finish() {
  CHECK(!is_complete());
  if (!entries_.empty()) TRY_VOID(finish_shard());
  if (file_) {  // a shard that was begun and holds nothing
    file_.reset();
    std::error_code ignored;
    fs::remove(GrowingFile::part_of(path_of(manifest_.shards.size())), ignored);
  }
  if (manifest_.shards.empty())
    return error(ErrorCode::kInvalidArgument, "{}: expected at least one text to record, found none", folder_.string());
  manifest_.is_complete = true;
  return save_manifest(folder_, manifest_);
}

}  // namespace paddock::distil
