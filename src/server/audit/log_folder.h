// SPDX-License-Identifier: Apache-2.0
#pragma once
// The files of an audit log.
//
//   audit-00000001.jsonl   a segment: records, one a line; the chain goes on from segment to segment
//   head                   {"sequence":N,"hash":"..."} of the last record that is safely on the disk, padded to
//   kHeadBytes so
//                          that it is written in place, on a full disk too. Records behind N are being written, or were
//                          when the process was stopped; a log that ends before N has been cut.
//   lock                   held by the one process that writes

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/audit/record.h"

namespace paddock::server::audit {

constexpr size_t kHeadBytes = 128;

std::filesystem::path segment_path(const std::filesystem::path& folder, int64_t number);
std::filesystem::path head_path(const std::filesystem::path& folder);
std::filesystem::path lock_path(const std::filesystem::path& folder);

struct Segment {
  int64_t number = 0;
  std::filesystem::path path;
};
// By number. An error when the folder cannot be read.
Result<std::vector<Segment>> segments_of(const std::filesystem::path& folder);

std::string head_text(const Link& head);
std::optional<Link> parse_head(std::string_view text);
// Missing: there is no such file. An error: there is one, and it is damaged.
Result<std::optional<Link>> read_head(const std::filesystem::path& folder);

// The head file of a log that has none, whole or not at all.
Result<void> create_head(const std::filesystem::path& folder, const Link& head);

// Whether a process writes to the log now.
bool is_being_written(const std::filesystem::path& folder);

// The lines of a file, each without its newline and with its number from 1. Lines longer than kLongestLine come as
// missing.
constexpr size_t kLongestLine = size_t{512} << 20;
using LineSink = std::function<Result<void>(std::optional<std::string_view> line, int64_t number)>;
// Gives the number of bytes behind the last newline.
Result<size_t> read_lines(const std::filesystem::path& path, const LineSink& sink);

}  // namespace paddock::server::audit
