// SPDX-License-Identifier: Apache-2.0
#include "server/audit/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace paddock::server::audit {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> cannot_do(std::string_view what, const fs::path& path) {
  return error(ErrorCode::kIo, "{}: cannot {}: {}", path.string(), what, std::strerror(errno));
}

Result<void> write_at(int descriptor, std::string_view bytes, int64_t offset, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = ENOSPC;
    if (count <= 0) return cannot_do("write the audit log", path);
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

}  // namespace

Result<SegmentFile> SegmentFile::open(const fs::path& path, int64_t size) {
  SegmentFile file;
  file.path_ = path;
  file.descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file.descriptor_ < 0) return cannot_do("open the audit log", path);
  struct stat status {};
  if (::fstat(file.descriptor_, &status) != 0) return cannot_do("open the audit log", path);
  file.size_ = size;
  file.has_rest_ = status.st_size > size;
  return file;
}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      has_rest_(other.has_rest_) {}
SegmentFile& SegmentFile::operator=(SegmentFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(has_rest_, other.has_rest_);
  return *this;
}
SegmentFile::~SegmentFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> SegmentFile::cut() {
  has_rest_ = ::ftruncate(descriptor_, size_) != 0;
  return has_rest_ ? cannot_do("cut the audit log", path_) : Result<void>{};
}

Result<void> SegmentFile::append(std::string_view line) {
  Result<void> written = write_at(descriptor_, line, size_, path_);
  if (written) {
    size_ += static_cast<int64_t>(line.size());
    if (has_rest_) static_cast<void>(cut());  // else with the next line
  } else if (!has_rest_) {
    static_cast<void>(cut());  // the reason why it could not be written says more
  }
  return written;
}

Result<void> SegmentFile::overwrite(std::string_view bytes) { return write_at(descriptor_, bytes, 0, path_); }

Result<void> SegmentFile::sync() const {
  if (::fdatasync(descriptor_) != 0) return cannot_do("bring the audit log onto the disk", path_);
  return {};
}

Result<void> sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return cannot_do("open the folder", folder);
  const int failed = ::fsync(descriptor);
  ::close(descriptor);
  return failed != 0 ? cannot_do("bring the folder onto the disk", folder) : Result<void>{};
}

}  // namespace paddock::server::audit
