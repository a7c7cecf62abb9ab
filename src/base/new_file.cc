// SPDX-License-Identifier: Apache-2.0
#include "base/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace paddock {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> failure_to(std::string_view what, const fs::path& path) {
  return error(ErrorCode::kIo, "{}: cannot {}: {}", path.string(), what, std::strerror(errno));
}

}  // namespace

Result<void> write_all(int descriptor, std::span<const std::byte> bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure_to("write the file", path);
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<NewFile> NewFile::create(const fs::path& path, mode_t mode) {
  std::error_code problem;
  fs::path target = fs::is_symlink(path, problem) ? fs::canonical(path, problem) : path;
  if (problem && problem != std::errc::no_such_file_or_directory)
    return error(ErrorCode::kIo, "{}: cannot follow the link: {}", path.string(), problem.message());
  if (target.empty()) target = path;  // a link that leads nowhere is replaced
  if (fs::exists(target, problem) && !fs::is_regular_file(target, problem))
    return error(ErrorCode::kInvalidArgument, "{}: expected a new or regular file, found {}; name another file",
                 path.string(), fs::is_directory(target, problem) ? "a folder" : "something else");
  static std::atomic<int> counter{0};
  fs::path temporary = target;
  temporary += fmt::format(".{}-{}.part", ::getpid(), counter++);
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) return failure_to("create the file", path);
  return NewFile(std::move(target), std::move(temporary), descriptor);
}

Result<void> NewFile::write(std::span<const std::byte> bytes) { return write_all(descriptor_, bytes, path_); }

Result<void> NewFile::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

Result<void> NewFile::write_zeros(size_t count) {
  static constexpr std::byte kZeros[4096] = {};
  CHECK(count < sizeof kZeros);
  return write(std::span(kZeros, count));
}

Result<void> NewFile::commit() {
  if (::fsync(descriptor_) != 0) return failure_to("write the file", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failure_to("name the file", path_);
  ::close(std::exchange(descriptor_, -1));
  return {};
}

NewFile::NewFile(fs::path path, fs::path temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

}  // namespace paddock
