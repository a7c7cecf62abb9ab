// SPDX-License-Identifier: Apache-2.0
#include "base/file_pages.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/read_ahead.h"

namespace paddock {
namespace {

// What one call reads: long enough for the disk, short enough for progress.
constexpr size_t kPieceBytes = size_t{4} << 20;
constexpr size_t kLockedAtOnce = size_t{64} << 20;
// One thread copies from the page cache at some GB/s only.
constexpr size_t kReaders = 4;

std::byte* address_of(const FilePart& part) { return const_cast<std::byte*>(part.file->bytes().data()) + part.offset; }

std::vector<FilePart> in_pieces(std::span<const FilePart> parts, size_t most) {
  std::vector<FilePart> pieces;
  for (const FilePart& part : parts)
    for (size_t offset = part.offset; offset < part.end(); offset += most)
      pieces.push_back({part.file, offset, std::min(most, part.end() - offset)});
  return pieces;
}

// Writable memory at the pages' own place; the mapping of the file goes there.
Result<void> take_place(const FilePart& pages) {
  void* place = ::mmap(address_of(pages), pages.size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (place == MAP_FAILED)
    return error(ErrorCode::kOutOfMemory, "{}: cannot get {} bytes of memory to read it into: {}",
                 pages.file->path().string(), pages.size, std::strerror(errno));
  ::madvise(place, pages.size, MADV_HUGEPAGE);  // a wish
  return {};
}

Result<void> read_piece(const FilePart& piece) {
  size_t filled = 0;
  while (filled < piece.size) {
    const ssize_t count = ::pread(piece.file->descriptor(), address_of(piece) + filled, piece.size - filled,
                                  static_cast<off_t>(piece.offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return error(ErrorCode::kIo, "{}: cannot read the file at byte {}: {}", piece.file->path().string(),
                   piece.offset + filled, std::strerror(errno));
    if (count == 0)
      return error(ErrorCode::kIo,
                   "{}: expected {} bytes as when it was opened, found the end of the file at {}; do not change a file "
                   "that is being read",
                   piece.file->path().string(), piece.file->bytes().size(), piece.offset + filled);
    filled += static_cast<size_t>(count);
  }
  return {};
}

// Pieces that several threads read, each the next one in order.
class Copying {
 public:
  explicit Copying(std::vector<FilePart> pieces) : pieces_(std::move(pieces)) {}

  void work(const LoadProgress& progress, size_t total) {
    for (size_t mine = next_++; mine < pieces_.size() && !failed_; mine = next_++) {
      if (auto read = read_piece(pieces_[mine]); !read) fail(std::move(read).error());
      done_ += pieces_[mine].size;
      if (progress) progress(done_, total);
    }
  }
  std::optional<Error> error() const { return error_; }

 private:
  void fail(Error error) {
    const std::lock_guard lock(mutex_);
    if (!failed_.exchange(true)) error_ = std::move(error);
  }

  std::vector<FilePart> pieces_;
  std::atomic<size_t> next_{0}, done_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::optional<Error> error_;
};

// In KiB, as ulimit has it.
std::string lock_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? "no limit" : fmt::format("a limit of {} KiB", limit.rlim_cur / 1024);
}

tl::unexpected<Error> cannot_lock(const FilePart& pages, size_t total, int why) {
  if (why == EPERM || why == ENOMEM)
    return error(ErrorCode::kLimit,
                 "{}: cannot lock it in memory: expected leave for {} KiB (RLIMIT_MEMLOCK), found {}; raise it with "
                 "ulimit -l",
                 pages.file->path().string(), (total + 1023) / 1024, lock_limit());
  return error(ErrorCode::kIo, "{}: cannot lock it in memory: {}", pages.file->path().string(), std::strerror(why));
}

}  // namespace

std::vector<FilePart> whole_pages(std::span<const FilePart> parts) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::map<const MappedFile*, std::map<size_t, size_t>> taken;  // of each file: begin -> end
  std::vector<FilePart> pages;
  for (const FilePart& part : parts) {
    if (part.size == 0) continue;
    const size_t last = std::min((part.end() + page - 1) / page * page, part.file->bytes().size());
    size_t begin = part.offset / page * page;
    auto& ranges = taken[part.file];
    while (begin < last) {
      const auto behind = ranges.upper_bound(begin);
      if (behind != ranges.begin() && std::prev(behind)->second > begin) {
        begin = std::prev(behind)->second;  // taken already
        continue;
      }
      const size_t end = behind == ranges.end() ? last : std::min(last, behind->first);
      if (!pages.empty() && pages.back().file == part.file && pages.back().end() == begin)
        pages.back().size += end - begin;
      else
        pages.push_back({part.file, begin, end - begin});
      ranges[begin] = end;
      begin = end;
    }
  }
  return pages;
}

size_t total_size(std::span<const FilePart> parts) {
  size_t total = 0;
  for (const FilePart& part : parts) total += part.size;
  return total;
}

Result<void> copy_pages(std::span<const FilePart> pages, const LoadProgress& progress) {
  for (const FilePart& range : pages) TRY_VOID(take_place(range));
  const ReadAhead ahead({pages.begin(), pages.end()});  // more at once than the readers ask for
  Copying copying(in_pieces(pages, kPieceBytes));
  const size_t total = total_size(pages);
  const size_t readers = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kReaders);
  std::vector<std::thread> others;
  for (size_t reader = 1; reader < readers; ++reader)
    others.emplace_back([&copying, total] { copying.work(nullptr, total); });
  copying.work(progress, total);
  for (std::thread& other : others) other.join();
  if (auto failed = copying.error()) return tl::unexpected(std::move(*failed));
  if (progress) progress(total, total);  // the others may have read the last piece, or all of them
  for (const FilePart& range : pages) ::mprotect(address_of(range), range.size, PROT_READ);
  return {};
}

Result<void> lock_pages(std::span<const FilePart> pages, const LoadProgress& progress) {
  const size_t total = total_size(pages);
  // Leave first, which costs nothing; then the reading.
  for (const FilePart& range : pages)
    if (::mlock2(address_of(range), range.size, MLOCK_ONFAULT) != 0) return cannot_lock(range, total, errno);
  const ReadAhead ahead({pages.begin(), pages.end()});
  size_t done = 0;
  for (const FilePart& piece : in_pieces(pages, kLockedAtOnce)) {
    if (::mlock(address_of(piece), piece.size) != 0)
      return error(ErrorCode::kIo, "{}: cannot read {} bytes at byte {} to lock them in memory: {}",
                   piece.file->path().string(), piece.size, piece.offset, std::strerror(errno));
    done += piece.size;
    if (progress) progress(done, total);
  }
  return {};
}

}  // namespace paddock
