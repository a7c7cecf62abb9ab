// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace paddock {
namespace {

tl::unexpected<Error> cannot(const char* what, const std::filesystem::path& path) {
  const int why = errno;
  return error(why == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: cannot {}: {}", path.string(), what,
               std::strerror(why));
}

// Closes the descriptor when the scope ends, if it is still there.
struct OpenFile {
  int descriptor;
  ~OpenFile() {
    if (descriptor >= 0) ::close(descriptor);
  }
};

Result<struct stat> status_of(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return cannot("read its size", path);
  if (!S_ISREG(status.st_mode))
    return error(ErrorCode::kBadFile, "{}: expected a regular file, found {}", path.string(),
                 S_ISDIR(status.st_mode) ? "a folder" : "something else");
  return status;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.descriptor < 0) return cannot("open the file", path);
  const struct stat status = TRY(status_of(file.descriptor, path));

  MappedFile mapped;
  mapped.path_ = path;
  if (status.st_size > 0) {
    const auto size = static_cast<size_t>(status.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor, 0);
    if (address == MAP_FAILED) return cannot("map the file", path);
    mapped.bytes_ = {static_cast<const std::byte*>(address), size};
  }
  mapped.descriptor_ = std::exchange(file.descriptor, -1);
  return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::string> read_text_file(const std::filesystem::path& path, size_t limit) {
  const OpenFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.descriptor < 0) return cannot("open the file", path);
  const struct stat status = TRY(status_of(file.descriptor, path));
  if (static_cast<size_t>(status.st_size) > limit)
    return error(ErrorCode::kLimit, "{}: expected at most {} bytes, found {}", path.string(), limit, status.st_size);

  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t count = ::read(file.descriptor, text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("read the file", path);
    if (count == 0) break;  // it shrank meanwhile
    filled += static_cast<size_t>(count);
  }
  text.resize(filled);
  return text;
}

}  // namespace paddock
