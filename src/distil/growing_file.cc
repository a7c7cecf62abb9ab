// SPDX-License-Identifier: Apache-2.0
#include "distil/growing_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/new_file.h"

namespace paddock::distil {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> failure_to(std::string_view what, const fs::path& path) {
  return error(ErrorCode::kIo, "{}: cannot {}: {}", path.string(), what, std::strerror(errno));
}

}  // namespace

fs::path GrowingFile::part_of(const fs::path& path) {
  fs::path part = path;
  part += ".part";
  return part;
}

Result<GrowingFile> GrowingFile::open(const fs::path& path, uint64_t keep) {
  const fs::path part = part_of(path);
  const int descriptor = ::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return failure_to("create the file", part);
  GrowingFile file(path, descriptor, keep);
  if (::ftruncate(descriptor, static_cast<off_t>(keep)) != 0 || ::lseek(descriptor, 0, SEEK_END) < 0)
    return failure_to("go on with the file", part);
  return file;
}

Result<void> GrowingFile::append(std::span<const std::byte> bytes) {
  bytes_ += bytes.size();
  return write_all(descriptor_, bytes, path_);
}

Result<void> GrowingFile::sync() {
  if (::fdatasync(descriptor_) != 0) return failure_to("write the file", path_);
  return {};
}

Result<void> GrowingFile::complete() {
  if (::fsync(descriptor_) != 0) return failure_to("write the file", path_);
  if (::rename(part_of(path_).c_str(), path_.c_str()) != 0) return failure_to("name the file", path_);
  ::close(std::exchange(descriptor_, -1));
  return {};
}

GrowingFile::GrowingFile(fs::path path, int descriptor, uint64_t bytes)
    : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes) {}

GrowingFile::GrowingFile(GrowingFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), bytes_(other.bytes_) {}

GrowingFile::~GrowingFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<FolderLock> FolderLock::take(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failure_to("open the folder", folder);
  FolderLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected a folder that nobody writes to, found one that another "
                 "process records into; wait for it, or name another folder",
                 folder.string());
  return failure_to("lock the folder", folder);
}

FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace paddock::distil
