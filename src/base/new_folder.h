// SPDX-License-Identifier: Apache-2.0
#pragma once
// A folder that appears whole or not at all.

#include <filesystem>

#include "base/result.h"

namespace paddock {

// Files go to a temporary folder beside the path, which takes the path's place in commit(). Destroyed before that, it
// leaves nothing behind.
class NewFolder {
 public:
  // `replace`: a folder of that name goes when this one comes, as long as it holds files alone: one with folders inside
  // is more than what is written here. Otherwise one that is not empty is an error, as anything else of the name is.
  static Result<NewFolder> create(const std::filesystem::path& path, bool replace);

  const std::filesystem::path& path() const { return temporary_; }  // where its files go

  Result<void> commit();

  NewFolder(NewFolder&& other) noexcept;
  NewFolder& operator=(NewFolder&&) = delete;
  ~NewFolder();

 private:
  NewFolder(std::filesystem::path path, std::filesystem::path temporary);

  std::filesystem::path path_, temporary_;  // the latter empty: committed or moved from
};

// The names in a folder outlive a loss of power. What cannot be opened is left alone.
void sync_folder(const std::filesystem::path& folder);

}  // namespace paddock
