// SPDX-License-Identifier: Apache-2.0
#pragma once
// A remembered page as the bytes of a file. Numbers are little-endian:
//
//   "PADDOCKV", version, group, tokens, page bytes    8, 4, 4, 4 and 8 bytes
//   model                                             a digest of what the bits of keys and values depend on
//   before                                            a digest of the text before the page (text_digest)
//   the tokens whose keys and values the page holds   4 bytes each
//   SHA-256 of all that, so that the head can be believed without reading on
//   the page, as the machine keeps it
//   SHA-256 of that digest and the page

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "cache/groups.h"

namespace paddock::cache {

inline constexpr uint32_t kPageFileVersion = 1;
inline constexpr int64_t kMostPageTokens = 4096;

struct PageHead {
  Digest model{}, before{};
  Group group = kGlobal;
  std::vector<int32_t> tokens;  // 1 to kMostPageTokens
  uint64_t page_bytes = 0;

  // The text that ends with the page.
  Digest text() const;
};

// A text of whole pages is known by a digest that is made page by page: of the text before, and the tokens that follow.
// Before the first page stands the digest of the model.
Digest text_digest(const Digest& before, std::span<const int32_t> tokens);

size_t head_bytes(size_t tokens);
size_t file_bytes(const PageHead& head);

// The bytes before the page, and those behind it.
std::vector<std::byte> write_head(const PageHead& head);
Digest page_digest(std::span<const std::byte> head, std::span<const std::byte> page);

// `bytes`: the file, or as much of its beginning as holds the head. `source` names it in errors. kUnsupported: of
// another version.
Result<PageHead> parse_head(std::span<const std::byte> bytes, std::string_view source);

// The page of a whole file whose head has been read. Refused: a byte too many or too few, or another one.
Result<std::span<const std::byte>> page_of(std::span<const std::byte> file, const PageHead& head,
                                           std::string_view source);

}  // namespace paddock::cache
