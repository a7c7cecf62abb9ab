// SPDX-License-Identifier: Apache-2.0
#include "server/audit/recovery.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "server/audit/log_folder.h"

namespace paddock::server::audit {
namespace {

namespace fs = std::filesystem;

struct SegmentEnd {
  Link last;  // zeros: there is no intact record
  bool is_head_right = true;
  int64_t good_bytes = 0;
};

// The longest beginning of a segment that is a chain.
Result<SegmentEnd> read_segment(const fs::path& path, const Link& head) {
  SegmentEnd end;
  bool is_broken = false;
  TRY_VOID(read_lines(path, [&](std::optional<std::string_view> line, int64_t) -> Result<void> {
    const auto link = line && !is_broken ? read_link(*line) : std::nullopt;
    const bool is_first = end.last.sequence == 0;
    const bool continues = link && link->is_intact &&
                           (is_first || (link->sequence == end.last.sequence + 1 && link->previous == end.last.hash));
    is_broken = is_broken || !continues;
    if (is_broken) return {};
    end.last = {link->sequence, link->hash};
    end.good_bytes += static_cast<int64_t>(line->size()) + 1;
    if (link->sequence == head.sequence) end.is_head_right = link->hash == head.hash;
    return {};
  }));
  return end;
}

Result<Digest> hash_behind(const fs::path& path, int64_t offset) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(offset);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return error(ErrorCode::kIo, "{}: cannot read", path.string());
  return sha256(bytes);
}

tl::unexpected<Error> not_whole(const fs::path& folder, const std::string& what) {
  return error(ErrorCode::kBadFile,
               "{}: the audit log is not as it was written: {}; see paddock audit verify, and keep it and begin "
               "another in a new "
               "folder, or restore it",
               folder.string(), what);
}

Result<void> check_with_head(const fs::path& folder, const Link& head, const SegmentEnd& end) {
  if (head.sequence > end.last.sequence)
    return not_whole(folder, fmt::format("its intact records end with {}, its head file names {}", end.last.sequence,
                                         head.sequence));
  if (!end.is_head_right)
    return not_whole(folder, fmt::format("record {} is not the one its head file names", head.sequence));
  return {};
}

}  // namespace

Result<LogEnd> find_end(const fs::path& folder) {
  std::vector<Segment> segments = TRY(segments_of(folder));
  const auto head = TRY(read_head(folder));
  if (segments.empty()) {
    if (head && head->sequence > 0) return not_whole(folder, "its head file is there and no segment");
    return LogEnd{};
  }
  LogEnd end;
  end.segment = segments.back().number;
  SegmentEnd last = TRY(read_segment(segments.back().path, head.value_or(Link{})));
  std::error_code problem;
  const auto size = static_cast<int64_t>(fs::file_size(segments.back().path, problem));
  if (problem) return error(ErrorCode::kIo, "{}: {}", segments.back().path.string(), problem.message());
  end.good_bytes = last.good_bytes;
  end.torn_bytes = size - last.good_bytes;
  if (end.torn_bytes > 0) end.torn_hash = TRY(hash_behind(segments.back().path, last.good_bytes));
  // A segment that was begun just before the process was stopped: the chain ends in the one before.
  if (last.last.sequence == 0 && segments.size() > 1)
    last = TRY(read_segment(segments[segments.size() - 2].path, head.value_or(Link{})));
  if (!head && last.last.sequence > 1) return not_whole(folder, "its head file is missing");
  TRY_VOID(check_with_head(folder, head.value_or(Link{}), last));
  end.last = last.last;
  return end;
}

}  // namespace paddock::server::audit
