// SPDX-License-Identifier: Apache-2.0
#include "server/audit/log_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "server/audit/segment_file.h"

namespace paddock::server::audit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSegmentBegin = "audit-";
constexpr std::string_view kSegmentEnd = ".jsonl";

class OpenFile {
 public:
  explicit OpenFile(const fs::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

tl::unexpected<Error> cannot_read(const fs::path& path) {
  const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return error(code, "{}: cannot read: {}", path.string(), std::strerror(errno));
}

std::optional<int64_t> segment_number(const std::string& name) {
  if (!name.starts_with(kSegmentBegin) || !name.ends_with(kSegmentEnd)) return std::nullopt;
  const char* begin = name.data() + kSegmentBegin.size();
  const char* end = name.data() + name.size() - kSegmentEnd.size();
  int64_t number = 0;
  const auto [stop, problem] = std::from_chars(begin, end, number);
  if (problem != std::errc() || stop != end || number <= 0) return std::nullopt;
  return number;
}

}  // namespace

fs::path segment_path(const fs::path& folder, int64_t number) {
  return folder / fmt::format("{}{:08}{}", kSegmentBegin, number, kSegmentEnd);
}
fs::path head_path(const fs::path& folder) { return folder / "head"; }
fs::path lock_path(const fs::path& folder) { return folder / "lock"; }

Result<std::vector<Segment>> segments_of(const fs::path& folder) {
  std::error_code problem;
  std::vector<Segment> segments;
  fs::directory_iterator entry(folder, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem))
    if (const auto number = segment_number(entry->path().filename().string()))
      segments.push_back({*number, entry->path()});
  if (problem)
    return error(problem == std::errc::no_such_file_or_directory ? ErrorCode::kNotFound : ErrorCode::kIo,
                 "{}: cannot read the folder of an audit log: {}", folder.string(), problem.message());
  std::ranges::sort(segments, {}, &Segment::number);
  return segments;
}

std::string head_text(const Link& head) {
  std::string text = fmt::format("{{\"sequence\":{},\"hash\":\"{}\"}}", head.sequence, to_hex(head.hash));
  text.resize(kHeadBytes - 1, ' ');
  return text + "\n";
}

std::optional<Link> parse_head(std::string_view text) {
  constexpr std::string_view kBegin = "{\"sequence\":", kMiddle = ",\"hash\":\"";
  if (text.size() != kHeadBytes || !text.starts_with(kBegin)) return std::nullopt;
  Link head;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data() + kBegin.size(), end, head.sequence);
  const std::string_view rest(stop, static_cast<size_t>(end - stop));
  if (problem != std::errc() || head.sequence < 0 || !rest.starts_with(kMiddle)) return std::nullopt;
  const auto hash = digest_from_hex(rest.substr(kMiddle.size(), 64));
  if (!hash) return std::nullopt;
  head.hash = *hash;
  return head_text(head) == text ? std::optional(head) : std::nullopt;
}

Result<std::optional<Link>> read_head(const fs::path& folder) {
  const fs::path path = head_path(folder);
  const OpenFile file(path);
  if (file.descriptor() < 0) {
    if (errno == ENOENT) return std::nullopt;
    return cannot_read(path);
  }
  char text[kHeadBytes + 1];
  const ssize_t count = ::read(file.descriptor(), text, sizeof text);
  if (count < 0) return cannot_read(path);
  const auto head = parse_head({text, static_cast<size_t>(count)});
  if (!head)
    return error(ErrorCode::kBadFile, "{}: expected the sequence and the hash of the last record, found something else",
                 path.string());
  return head;
}

Result<void> create_head(const fs::path& folder, const Link& head) {
  const fs::path path = head_path(folder), temporary = folder / "head.part";
  SegmentFile file = TRY(SegmentFile::open(temporary, 0));
  TRY_VOID(file.append(head_text(head)));
  TRY_VOID(file.sync());
  std::error_code problem;
  fs::rename(temporary, path, problem);
  if (problem) return error(ErrorCode::kIo, "{}: cannot name the file: {}", path.string(), problem.message());
  return {};
}

bool is_being_written(const fs::path& folder) {
  const OpenFile file(lock_path(folder));
  return file.descriptor() >= 0 && ::flock(file.descriptor(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<size_t> read_lines(const fs::path& path, const LineSink& sink) {
  const OpenFile file(path);
  if (file.descriptor() < 0) return cannot_read(path);
  std::string chunk(size_t{1} << 18, '\0');
  std::string line;   // what is read of it; not more than kLongestLine
  size_t length = 0;  // of the line so far
  for (int64_t number = 1;;) {
    const ssize_t count = ::read(file.descriptor(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read(path);
    if (count == 0) return length;
    std::string_view rest(chunk.data(), static_cast<size_t>(count));
    while (!rest.empty()) {
      const size_t newline = std::min(rest.find('\n'), rest.size());
      const std::string_view part = rest.substr(0, newline);
      length += part.size();
      const bool is_whole = newline < rest.size();
      rest.remove_prefix(is_whole ? newline + 1 : newline);
      if (is_whole && line.empty() && length == part.size()) {
        TRY_VOID(sink(part, number++));  // without a copy
        length = 0;
        continue;
      }
      if (length <= kLongestLine) line += part;
      if (!is_whole) continue;
      TRY_VOID(sink(length <= kLongestLine ? std::optional<std::string_view>(line) : std::nullopt, number++));
      line.clear();
      length = 0;
    }
  }
}

}  // namespace paddock::server::audit
