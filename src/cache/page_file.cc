// SPDX-License-Identifier: Apache-2.0
#include "cache/page_file.h"

#include <algorithm>

#include "base/byte_io.h"
#include "base/check.h"

namespace paddock::cache {
namespace {

constexpr std::string_view kMagic = "PADDOCKV";
constexpr size_t kDigestBytes = sizeof(Digest);
constexpr size_t kFixedBytes = 8 + 4 + 4 + 4 + 8 + 2 * kDigestBytes;  // before the tokens
constexpr uint64_t kMostPageBytes = uint64_t{1} << 40;

}  // namespace

Digest PageHead::text() const { return text_digest(before, tokens); }

Digest text_digest(const Digest& before, std::span<const int32_t> tokens) {
  ByteWriter text;
  text.append(bytes_of(before));
  for (const int32_t token : tokens) text.number(token);
  return sha256(as_text(text.so_far()));
}

size_t head_bytes(size_t tokens) { return kFixedBytes + 4 * tokens + kDigestBytes; }
size_t file_bytes(const PageHead& head) {
  return head_bytes(head.tokens.size()) + static_cast<size_t>(head.page_bytes) + kDigestBytes;
}

std::vector<std::byte> write_head(const PageHead& head) {
  CHECK(!head.tokens.empty() && static_cast<int64_t>(head.tokens.size()) <= kMostPageTokens);
  ByteWriter out;
  out.append(std::as_bytes(std::span(kMagic)));
  out.number(kPageFileVersion);
  out.number(static_cast<uint32_t>(head.group));
  out.number(static_cast<uint32_t>(head.tokens.size()));
  out.number(head.page_bytes);
  out.append(bytes_of(head.model));
  out.append(bytes_of(head.before));
  for (const int32_t token : head.tokens) out.number(token);
  out.append(bytes_of(sha256(as_text(out.so_far()))));
  return out.take();
}

Digest page_digest(std::span<const std::byte> head, std::span<const std::byte> page) {
  return sha256({as_text(head.last(kDigestBytes)), as_text(page)});
}

Result<PageHead> parse_head(std::span<const std::byte> bytes, std::string_view source) {
  if (bytes.size() < kFixedBytes || as_text(bytes.first(kMagic.size())) != kMagic)
    return error(ErrorCode::kBadFile, "{}: expected a page of a cache, found something else", source);
  ByteReader in(bytes.subspan(kMagic.size()));
  if (const auto version = in.number<uint32_t>(); version != kPageFileVersion)
    return error(ErrorCode::kUnsupported, "{}: expected a page of version {}, found version {}", source,
                 kPageFileVersion, version);
  PageHead head;
  const auto group = in.number<uint32_t>(), tokens = in.number<uint32_t>();
  head.page_bytes = in.number<uint64_t>();
  if (group >= kGroups || tokens == 0 || tokens > kMostPageTokens || head.page_bytes > kMostPageBytes ||
      bytes.size() < head_bytes(tokens))
    return error(ErrorCode::kBadFile, "{}: damaged: its head says what cannot be", source);
  head.group = static_cast<Group>(group);
  head.model = in.digest();
  head.before = in.digest();
  head.tokens.reserve(tokens);
  while (head.tokens.size() < tokens) head.tokens.push_back(in.number<int32_t>());
  if (in.digest() != sha256(as_text(bytes.first(head_bytes(tokens) - kDigestBytes))))
    return error(ErrorCode::kBadFile, "{}: damaged: its head is not what was written", source);
  return head;
}

Result<std::span<const std::byte>> page_of(std::span<const std::byte> file, const PageHead& head,
                                           std::string_view source) {
  const size_t before = head_bytes(head.tokens.size());
  if (file.size() != file_bytes(head))
    return error(ErrorCode::kBadFile, "{}: damaged: expected {} bytes, found {}", source, file_bytes(head),
                 file.size());
  const auto page = file.subspan(before, static_cast<size_t>(head.page_bytes));
  if (ByteReader(file.last(kDigestBytes)).digest() != page_digest(file.first(before), page))
    return error(ErrorCode::kBadFile, "{}: damaged: its bytes are not what was written", source);
  return page;
}

}  // namespace paddock::cache
