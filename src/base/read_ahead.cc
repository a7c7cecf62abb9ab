// SPDX-License-Identifier: Apache-2.0
#include "base/read_ahead.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>

namespace paddock {
namespace {

constexpr size_t kPieceBytes = size_t{512} << 10;
constexpr size_t kPiecesOnTheWay = 64;               // 32 MiB: 10 ms of a fast disk
constexpr size_t kLeastRequest = size_t{128} << 10;  // what a system reads of a request at least
constexpr auto kShownEvery = std::chrono::milliseconds(100);

// Whether the page at `offset` is in the page cache. Where the file system cannot tell, it is not.
bool is_cached(int descriptor, size_t offset) {
  std::byte byte;
  const iovec to{&byte, 1};
  return ::preadv2(descriptor, &to, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
}

// Asks for the piece. The system reads a request only as far as the disk's settings allow, so that it is repeated from
// further and further behind: what is there or on its way is not read again.
void ask_for(const FilePart& piece) {
  for (size_t offset = piece.offset; offset < piece.end(); offset += kLeastRequest)
    ::posix_fadvise(piece.file->descriptor(), static_cast<off_t>(offset), static_cast<off_t>(piece.end() - offset),
                    POSIX_FADV_WILLNEED);
}

// Waits for the piece's last page. False when it cannot be read.
bool arrive(const FilePart& piece) {
  std::byte byte;
  ssize_t count;
  do count = ::pread(piece.file->descriptor(), &byte, 1, static_cast<off_t>(piece.end() - 1));
  while (count < 0 && errno == EINTR);
  return count == 1;
}

}  // namespace

ReadAhead::ReadAhead(std::vector<FilePart> parts, size_t urgent) : urgent_(urgent) {
  for (const FilePart& part : parts)
    for (size_t offset = part.offset; offset < part.end(); offset += kPieceBytes)
      pieces_.push_back({part.file, offset, std::min(kPieceBytes, part.end() - offset)});
  thread_ = std::thread([this] { read(); });
}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ReadAhead::wait_for(size_t bytes, const LoadProgress& progress) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kShownEvery, [&] { return ended_ || done_ >= bytes; }))
    if (progress) progress(done_, bytes);
}

void ReadAhead::read() {
  struct Asked {
    const FilePart* piece;
    bool was_cached;
  };
  std::deque<Asked> on_the_way;
  size_t done = 0;
  bool readable = true;
  const auto take_oldest = [&] {
    const Asked oldest = on_the_way.front();
    on_the_way.pop_front();
    readable = oldest.was_cached || arrive(*oldest.piece);
    done += oldest.piece->size;
  };
  for (const FilePart& piece : pieces_) {
    const int descriptor = piece.file->descriptor();
    const bool was_cached = is_cached(descriptor, piece.offset) && is_cached(descriptor, piece.end() - 1);
    if (!was_cached) ask_for(piece);
    on_the_way.push_back({&piece, was_cached});
    const size_t most = done < urgent_ ? kPiecesOnTheWay : 0;
    while (readable && !on_the_way.empty() && (on_the_way.front().was_cached || on_the_way.size() > most))
      take_oldest();
    if (!readable || !tell(done)) break;
  }
  while (readable && !on_the_way.empty() && tell(done)) take_oldest();
  const std::lock_guard lock(mutex_);
  done_ = done;
  ended_ = true;
  changed_.notify_all();
}

// False when nobody waits any more.
bool ReadAhead::tell(size_t done) {
  const std::lock_guard lock(mutex_);
  done_ = done;
  changed_.notify_all();
  return !stopping_;
}

}  // namespace paddock
