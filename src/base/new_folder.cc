// SPDX-License-Identifier: Apache-2.0
#include "base/new_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace paddock {
namespace {

namespace fs = std::filesystem;

fs::path beside(const fs::path& path, const char* end) {
  static std::atomic<int> counter{0};
  fs::path other = path;
  other += fmt::format(".{}-{}.{}", ::getpid(), counter++, end);
  return other;
}

}  // namespace

void sync_folder(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

Result<NewFolder> NewFolder::create(const fs::path& path, bool replace) {
  std::error_code problem;
  fs::path target = fs::weakly_canonical(fs::absolute(path, problem), problem);
  if (problem) return error(ErrorCode::kIo, "{}: cannot follow the path: {}", path.string(), problem.message());
  if (!target.has_filename()) target = target.parent_path();  // "folder/"
  if (fs::exists(target, problem)) {
    if (!fs::is_directory(target, problem))
      return error(ErrorCode::kInvalidArgument, "{}: expected a new folder, found a file; name another folder",
                   path.string());
    for (const fs::directory_entry& entry : fs::directory_iterator(target, problem))
      if (replace && !entry.is_regular_file(problem))
        return error(ErrorCode::kInvalidArgument,
                     "{}: expected a folder that holds files alone, found {} in it; name another folder", path.string(),
                     entry.path().filename().string());
    if (!replace && !fs::is_empty(target, problem))
      return error(ErrorCode::kInvalidArgument,
                   "{}: expected a new or empty folder, found one with files; name another, or replace it with --force",
                   path.string());
  }
  const fs::path temporary = beside(target, "part");
  if (!fs::create_directories(temporary, problem))
    return error(ErrorCode::kIo, "{}: cannot create the folder: {}", path.string(), problem.message());
  return NewFolder(std::move(target), temporary);
}

Result<void> NewFolder::commit() {
  std::error_code problem;
  sync_folder(temporary_);
  const bool replaces = fs::exists(path_, problem);
  const fs::path old = replaces ? beside(path_, "old") : fs::path();
  if (replaces) fs::rename(path_, old, problem);
  if (!problem) fs::rename(temporary_, path_, problem);
  if (problem) {
    const std::string reason = problem.message();
    if (replaces && !fs::exists(path_, problem)) fs::rename(old, path_, problem);
    return error(ErrorCode::kIo, "{}: cannot name the folder: {}", path_.string(), reason);
  }
  temporary_.clear();
  sync_folder(path_.parent_path());
  if (replaces) fs::remove_all(old, problem);
  return {};
}

NewFolder::NewFolder(fs::path path, fs::path temporary) : path_(std::move(path)), temporary_(std::move(temporary)) {}

NewFolder::NewFolder(NewFolder&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, fs::path())) {}

NewFolder::~NewFolder() {
  std::error_code problem;
  if (!temporary_.empty()) fs::remove_all(temporary_, problem);
}

}  // namespace paddock
