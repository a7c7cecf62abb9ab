// SPDX-License-Identifier: Apache-2.0
#include "text/byte_level_merges.h"

#include "base/utf8.h"
#include "text/byte_level.h"

namespace paddock::text {
namespace {

std::string shown(std::string_view text) { return replace_invalid_utf8(text.substr(0, 80)); }

}  // namespace

Result<Merge> MergeReader::read(std::string_view left, std::string_view right) {
  bytes_.clear();
  const bool left_is_bytes = append_byte_level(bytes_, left);
  const size_t left_size = bytes_.size();
  const bool right_is_bytes = left_is_bytes && append_byte_level(bytes_, right);
  if (!right_is_bytes)
    return error(ErrorCode::kBadFile, "merge {} (\"{}\" and \"{}\") is not written in the byte-level alphabet",
                 next_rank_, shown(left), shown(right));
  const std::string_view both = bytes_;
  const Merge merge{tokens_->find(both.substr(0, left_size)), tokens_->find(both.substr(left_size)),
                    tokens_->find(both), next_rank_};
  if (merge.left == kNoToken || merge.right == kNoToken || merge.result == kNoToken)
    return error(ErrorCode::kBadFile, "merge {} (\"{}\" and \"{}\") needs a token that the vocabulary does not have",
                 next_rank_, shown(left), shown(right));
  ++next_rank_;
  return merge;
}

Result<Merge> MergeReader::read(std::string_view both) {
  const size_t space = both.find(' ');
  if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos)
    return error(ErrorCode::kBadFile, "merge {} is \"{}\"; expected two tokens with one space between them", next_rank_,
                 shown(both));
  return read(both.substr(0, space), both.substr(space + 1));
}

}  // namespace paddock::text
