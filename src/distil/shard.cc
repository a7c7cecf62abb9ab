// SPDX-License-Identifier: Apache-2.0
#include "distil/shard.h"

#include <bit>

#include "base/byte_io.h"
#include "base/check.h"

namespace paddock::distil {
namespace {

constexpr std::string_view kMagic = "PADDOCKD";

// What the digest of a block is of, beside the head: a block moved to another place is not what was written.
Digest block_digest(std::span<const std::byte> head, int64_t number, std::span<const std::byte> document) {
  ByteWriter place;
  place.number(number);
  return sha256(
      {as_text(head.subspan(kHeadBytes - sizeof(Digest), sizeof(Digest))), as_text(place.so_far()), as_text(document)});
}

tl::unexpected<Error> damaged(std::string_view source, std::string_view what) {
  return error(ErrorCode::kBadFile, "{}: damaged: {}; record it again", source, what);
}

IndexEntry read_entry(ByteReader& in) {
  IndexEntry entry;
  entry.offset = in.number<uint64_t>();
  entry.bytes = in.number<uint32_t>();
  entry.tokens = in.number<uint32_t>();
  entry.places = in.number<uint32_t>();
  entry.tail_mass = std::bit_cast<float>(in.number<uint32_t>());
  entry.loss = std::bit_cast<float>(in.number<uint32_t>());
  entry.digest = in.digest();
  return entry;
}

void write_sums(const Document& document, IndexEntry* entry) {
  entry->tokens = static_cast<uint32_t>(document.tokens.size());
  entry->places = static_cast<uint32_t>(document.places.size());
  entry->tail_mass = static_cast<float>(document.tail_mass());
  entry->loss = static_cast<float>(document.loss());
}

}  // namespace

std::vector<std::byte> write_head(const ShardHead& head) {
  ByteWriter out;
  out.append(std::as_bytes(std::span(kMagic)));
  out.number(kShardVersion);
  out.number(static_cast<uint32_t>(head.kept));
  out.number(static_cast<uint32_t>(head.vocabulary));
  out.number(head.number);
  out.number(head.first_document);
  out.append(bytes_of(head.teacher));
  out.append(bytes_of(head.tokenizer));
  out.append(bytes_of(sha256(as_text(out.so_far()))));
  return out.take();
}

Result<ShardHead> parse_head(std::span<const std::byte> file, std::string_view source) {
  if (file.size() < kHeadBytes || as_text(file.first(kMagic.size())) != kMagic)
    return error(ErrorCode::kBadFile, "{}: expected a shard of a distillation record, found something else", source);
  ByteReader in(file.subspan(kMagic.size()));
  if (const auto version = in.number<uint32_t>(); version != kShardVersion)
    return error(ErrorCode::kUnsupported, "{}: expected a shard of version {}, found version {}", source, kShardVersion,
                 version);
  ShardHead head;
  head.kept = in.number<uint32_t>();
  head.vocabulary = in.number<uint32_t>();
  head.number = in.number<uint32_t>();
  head.first_document = in.number<int64_t>();
  head.teacher = in.digest();
  head.tokenizer = in.digest();
  if (in.digest() != sha256(as_text(file.first(kHeadBytes - sizeof(Digest)))))
    return damaged(source, "its head is not what was written");
  if (head.kept < 1 || head.kept > kMostKept || head.vocabulary < head.kept || head.vocabulary > kMostVocabulary ||
      head.first_document < 0)
    return damaged(source, "its head says what cannot be");
  return head;
}

Block write_block(const Document& document, std::span<const std::byte> head, int64_t number, uint64_t offset) {
  const auto said = parse_head(head, "");
  CHECK(said);
  const std::vector<std::byte> bytes = write_document(document, said->kept);
  Block block;
  block.entry.offset = offset;
  block.entry.bytes = static_cast<uint32_t>(bytes.size());
  block.entry.digest = block_digest(head, number, bytes);
  // Of what will be read, so that an index made from blocks is the same.
  const auto read = parse_document(bytes, said->kept, said->vocabulary, "");
  CHECK(read);
  write_sums(*read, &block.entry);
  ByteWriter out;
  out.number(block.entry.bytes);
  out.append(bytes);
  out.append(bytes_of(block.entry.digest));
  block.bytes = out.take();
  return block;
}

std::vector<std::byte> write_index(std::span<const std::byte> head, std::span<const IndexEntry> entries) {
  CHECK(!entries.empty());
  ByteWriter out;
  for (const IndexEntry& entry : entries) {
    out.number(entry.offset);
    out.number(entry.bytes);
    out.number(entry.tokens);
    out.number(entry.places);
    out.number(std::bit_cast<uint32_t>(entry.tail_mass));
    out.number(std::bit_cast<uint32_t>(entry.loss));
    out.append(bytes_of(entry.digest));
  }
  out.number(entries.back().offset + entries.back().bytes + kBlockFrameBytes);
  out.number(static_cast<uint64_t>(entries.size()));
  out.append(
      bytes_of(sha256({as_text(head.subspan(kHeadBytes - sizeof(Digest), sizeof(Digest))), as_text(out.so_far())})));
  return out.take();
}

std::vector<IndexEntry> find_blocks(std::span<const std::byte> file, const ShardHead& head) {
  std::vector<IndexEntry> entries;
  const auto head_bytes = file.first(kHeadBytes);
  for (size_t offset = kHeadBytes; file.size() - offset >= kBlockFrameBytes;) {
    ByteReader in(file.subspan(offset));
    IndexEntry entry;
    entry.offset = offset;
    entry.bytes = in.number<uint32_t>();
    if (entry.bytes > file.size() - offset - kBlockFrameBytes) break;
    const int64_t number = head.first_document + static_cast<int64_t>(entries.size());
    const auto bytes = in.take(entry.bytes);
    entry.digest = in.digest();
    if (entry.digest != block_digest(head_bytes, number, bytes)) break;
    const auto document = parse_document(bytes, head.kept, head.vocabulary, "");
    if (!document) break;
    write_sums(*document, &entry);
    entries.push_back(entry);
    offset += entry.bytes + kBlockFrameBytes;
  }
  return entries;
}

Result<std::vector<IndexEntry>> parse_index(std::span<const std::byte> file, std::string_view source) {
  TRY(parse_head(file, source));
  if (file.size() < kHeadBytes + kFootBytes) return damaged(source, "it is cut");
  ByteReader foot(file.last(kFootBytes));
  const auto begin = foot.number<uint64_t>(), documents = foot.number<uint64_t>();
  const uint64_t end = file.size() - kFootBytes;
  if (begin < kHeadBytes || begin > end || (end - begin) % kEntryBytes != 0 ||
      (end - begin) / kEntryBytes != documents || documents == 0)
    return damaged(source, "it is cut, or its end is not what was written");
  const auto index = file.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  const auto signed_part = file.subspan(index.data() - file.data(), index.size() + 16);
  if (last_digest(file) !=
      sha256({as_text(file.subspan(kHeadBytes - sizeof(Digest), sizeof(Digest))), as_text(signed_part)}))
    return damaged(source, "its index is not what was written");
  std::vector<IndexEntry> entries;
  entries.reserve(static_cast<size_t>(documents));
  ByteReader in(index);
  uint64_t offset = kHeadBytes;
  while (entries.size() < documents) {
    entries.push_back(read_entry(in));
    if (entries.back().offset != offset) return damaged(source, "its index says what cannot be");
    offset += entries.back().bytes + kBlockFrameBytes;
  }
  if (offset != begin) return damaged(source, "its index says what cannot be");
  return entries;
}

Digest last_digest(std::span<const std::byte> file) { return ByteReader(file.last(sizeof(Digest))).digest(); }

Result<Document> read_block(std::span<const std::byte> file, const ShardHead& head, const IndexEntry& entry,
                            int64_t number, std::string_view source) {
  const std::string name = fmt::format("{}, document {}", source, number);
  ByteReader in(file.subspan(static_cast<size_t>(entry.offset)));
  const auto bytes_written = in.number<uint32_t>();
  const auto bytes = in.take(entry.bytes);
  if (bytes_written != entry.bytes || in.digest() != entry.digest ||
      block_digest(file.first(kHeadBytes), number, bytes) != entry.digest)
    return damaged(name, "its bytes are not what was written");
  Document document = TRY(parse_document(bytes, head.kept, head.vocabulary, name));
  if (document.tokens.size() != entry.tokens || document.places.size() != entry.places)
    return damaged(name, "the index says another length");
  return document;
}

}  // namespace paddock::distil
