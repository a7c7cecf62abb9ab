// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file of recorded documents. Numbers are little-endian:
//
//   head    "PADDOCKD", version, K, vocabulary, number of the shard      8, 4, 4, 4 and 4 bytes
//           number of its first document                                8
//           digests of the teacher and of the tokenizer                 32 each
//           SHA-256 of all that
//   blocks  one a document: bytes, the document (distil/document.h)     4 and so many
//           SHA-256 of the head's, the document's number, and these bytes
//   index   for each document: where its block begins, bytes, tokens, places, sum of tail masses, loss, SHA-256
//                                                                       8, 4, 4, 4, 4, 4 and 32
//   foot    where the index begins, documents, SHA-256 of the head's, the index and these numbers
//
// A shard grows block by block, and each says by itself whether it is whole: what a killed process leaves is its
// blocks up to the first that is not. Index and foot make it complete; the last digest then stands for every byte.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "distil/document.h"

namespace paddock::distil {

inline constexpr uint32_t kShardVersion = 1;
inline constexpr int64_t kMostVocabulary = int64_t{1} << 24;

struct ShardHead {
  int64_t kept = 0;  // K
  int64_t vocabulary = 0;
  uint32_t number = 0;
  int64_t first_document = 0;
  Digest teacher{}, tokenizer{};

  bool operator==(const ShardHead&) const = default;
};

struct IndexEntry {
  uint64_t offset = 0;  // of the block
  uint32_t bytes = 0;   // of the document in it
  uint32_t tokens = 0, places = 0;
  float tail_mass = 0, loss = 0;  // sums over places
  Digest digest{};
};

inline constexpr size_t kHeadBytes = 8 + 4 * 4 + 8 + 3 * sizeof(Digest);
inline constexpr size_t kBlockFrameBytes = 4 + sizeof(Digest);  // around a document
inline constexpr size_t kEntryBytes = 8 + 5 * 4 + sizeof(Digest);
inline constexpr size_t kFootBytes = 8 + 8 + sizeof(Digest);

std::vector<std::byte> write_head(const ShardHead& head);
// `source` names the file in errors. kUnsupported: of another version.
Result<ShardHead> parse_head(std::span<const std::byte> file, std::string_view source);

// A block, and what the index says of it. `head`: the shard's, as bytes; `number`: of the document in the record.
struct Block {
  std::vector<std::byte> bytes;
  IndexEntry entry;
};
Block write_block(const Document& document, std::span<const std::byte> head, int64_t number, uint64_t offset);
std::vector<std::byte> write_index(std::span<const std::byte> head, std::span<const IndexEntry> entries);

// The whole blocks of a shard that has no index yet.
std::vector<IndexEntry> find_blocks(std::span<const std::byte> file, const ShardHead& head);

// The index of a complete shard. Refused: bytes missing or changed, in head, index or foot.
Result<std::vector<IndexEntry>> parse_index(std::span<const std::byte> file, std::string_view source);
// The digest that a complete shard ends with.
Digest last_digest(std::span<const std::byte> file);

// Refused: a block whose bytes are not what was written. `number` counts from the record's first document.
Result<Document> read_block(std::span<const std::byte> file, const ShardHead& head, const IndexEntry& entry,
                            int64_t number, std::string_view source);

}  // namespace paddock::distil
