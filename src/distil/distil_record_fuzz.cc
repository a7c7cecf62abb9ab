// SPDX-License-Identifier: Apache-2.0
// Any bytes as a document, a shard and a manifest: what is read can be written and is read again. And a few bytes put
// into a good shard at a place of their choosing: refused, unless they are those that were there.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/byte_io.h"
#include "base/check.h"
#include "distil/manifest.h"
#include "distil/shard.h"

namespace {

using namespace paddock;
using namespace paddock::distil;

bool same(const Document& one, const Document& other) {
  return one.tokens == other.tokens && one.places == other.places && one.ids == other.ids &&
         one.logprobs == other.logprobs && one.tails == other.tails && one.following == other.following;
}

constexpr int64_t kKept = 2, kVocabulary = 11;

void parse_as_document(std::span<const std::byte> bytes) {
  const auto document = parse_document(bytes, kKept, kVocabulary, "input");
  if (!document) return;
  const auto again = parse_document(write_document(*document, kKept), kKept, kVocabulary, "again");
  CHECK(again && same(*document, *again));
}

// Whether all of it is read.
bool is_read(std::span<const std::byte> file) {
  const auto head = parse_head(file, "input");
  const auto entries = parse_index(file, "input");
  if (!head || !entries) return false;
  for (size_t index = 0; index < entries->size(); ++index)
    if (!read_block(file, *head, (*entries)[index], head->first_document + static_cast<int64_t>(index), "input"))
      return false;
  CHECK(find_blocks(file.first(file.size() - kFootBytes - entries->size() * kEntryBytes), *head).size() ==
        entries->size());
  return true;
}

std::vector<std::byte> good_shard() {
  const ShardHead head{.kept = kKept, .vocabulary = kVocabulary, .number = 1, .first_document = 5};
  const Document document{.tokens = {1, 2, 3, 4, 10},
                          .places = {0, 1, 3},
                          .ids = {2, 0, 5, 9, 10, 1},
                          .logprobs = {-0.1f, -3, -0.5f, -1.5f, -0.01f, -9},
                          .tails = {-3, -1.7f, -INFINITY},
                          .following = {-0.1f, -2, -0.01f}};
  ByteWriter file;
  file.append(write_head(head));
  const std::vector<std::byte> head_bytes(file.so_far().begin(), file.so_far().end());
  std::vector<IndexEntry> entries;
  for (int64_t number : {5, 6}) {
    const Block block = write_block(document, head_bytes, number, file.so_far().size());
    file.append(block.bytes);
    entries.push_back(block.entry);
  }
  file.append(write_index(head_bytes, entries));
  return file.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  parse_as_document(bytes);
  is_read(bytes);
  if (const auto manifest = parse_manifest(as_text(bytes), "input"))
    CHECK(parse_manifest(write_manifest(*manifest), "again"));
  if (size < 2) return 0;
  static const std::vector<std::byte> good = good_shard();
  constexpr size_t kMostChanged = 16;  // too few to write a digest for what else was changed
  std::vector<std::byte> changed = good;
  const size_t place = (data[0] * 256u + data[1]) % good.size();
  std::copy_n(bytes.begin() + 2, std::min({size - 2, kMostChanged, good.size() - place}),
              changed.begin() + static_cast<ptrdiff_t>(place));
  CHECK(is_read(changed) == (changed == good));
  return 0;
}
