// SPDX-License-Identifier: Apache-2.0
#include "net/chunked_body.h"

#include <algorithm>
#include <charconv>

#include "net/head_rules.h"

namespace paddock::net {

// Digits of the largest size that is read at all: more can only be zeros in front, which no client sends.
constexpr size_t kMaxSizeDigits = 16;

size_t ChunkedBody::feed(std::string_view bytes, std::string& body) {
  size_t taken = 0;
  while (state_ == State::kMore && taken < bytes.size()) {
    const std::string_view rest = bytes.substr(taken);
    if (expected_ == Expected::kData) {
      const size_t size = static_cast<size_t>(std::min<uint64_t>(remaining_, rest.size()));
      body.append(rest.substr(0, size));
      taken += size;
      remaining_ -= size;
      if (remaining_ == 0) expected_ = Expected::kDataEnd;
      continue;
    }
    const size_t newline = rest.find('\n');
    const size_t end = newline == std::string_view::npos ? rest.size() : newline + 1;
    line_.append(rest.substr(0, end));
    taken += end;
    // A chunk that is longer than it said is known at once.
    const bool misplaced = expected_ == Expected::kDataEnd && line_ != std::string_view("\r\n").substr(0, line_.size());
    if (misplaced || line_.size() > line_limit_ + kMaxSizeDigits + 2) {
      state_ = State::kBad;
    } else if (newline != std::string_view::npos) {
      take_line(line_, body.size());
      line_.clear();
    }
  }
  return taken;
}

void ChunkedBody::take_line(std::string_view line, size_t body_size) {
  const bool ends_well = line.ends_with("\r\n");
  line.remove_suffix(ends_well ? 2 : 1);
  if (!ends_well || has_control(line))
    state_ = State::kBad;
  else if (expected_ == Expected::kSize)
    take_size(line, body_size);
  else if (expected_ == Expected::kTrailer)
    take_trailer(line);
  else
    expected_ = Expected::kSize;  // behind a chunk's data; feed() has seen that the line is empty
  if (dropped_bytes_ > line_limit_) state_ = State::kBad;
}

void ChunkedBody::take_size(std::string_view line, size_t body_size) {
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), remaining_, 16);
  const auto digits = static_cast<size_t>(parsed.ptr - line.data());
  const std::string_view extension = line.substr(digits);
  dropped_bytes_ += extension.size();
  if (parsed.ec != std::errc() || digits > kMaxSizeDigits || !(extension.empty() || extension[0] == ';'))
    state_ = State::kBad;
  else if (remaining_ > body_limit_ - body_size)
    state_ = State::kTooLarge;
  else
    expected_ = remaining_ == 0 ? Expected::kTrailer : Expected::kData;
}

void ChunkedBody::take_trailer(std::string_view line) {
  dropped_bytes_ += line.size();
  if (line.empty())
    state_ = State::kDone;
  else if (!is_field(line))
    state_ = State::kBad;
}

}  // namespace paddock::net
