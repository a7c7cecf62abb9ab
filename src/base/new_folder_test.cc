// SPDX-License-Identifier: Apache-2.0
#include "base/new_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

namespace paddock {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class NewFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    around_ = fs::temp_directory_path() / fmt::format("paddock-new-folder-{}", ::getpid());
    fs::remove_all(around_);
    fs::create_directories(around_);
  }
  void TearDown() override { fs::remove_all(around_); }

  static void put(const fs::path& path) { std::ofstream(path) << "text"; }
  std::set<std::string> names(const fs::path& folder) const {
    std::set<std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) found.insert(entry.path().filename());
    return found;
  }

  fs::path around_;
};

TEST_F(NewFolderTest, AppearsWholeOrNotAtAll) {
  const fs::path path = around_ / "made/";
  {
    const auto folder = NewFolder::create(path, false);
    ASSERT_TRUE(folder) << folder.error().message;
    put(folder->path() / "file");
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(names(around_).empty());  // it went without a trace
  auto folder = NewFolder::create(path, false);
  put(folder->path() / "file");
  ASSERT_TRUE(folder->commit());
  EXPECT_EQ(names(around_), std::set<std::string>{"made"});
  EXPECT_EQ(names(path), std::set<std::string>{"file"});
}

TEST_F(NewFolderTest, ReplacesOnlyFilesAndOnlyWhenTold) {
  const fs::path path = around_ / "made";
  fs::create_directories(path);
  EXPECT_TRUE(NewFolder::create(path, false));  // empty
  put(path / "old");
  const auto refused = NewFolder::create(path, false);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("expected a new or empty folder, found one with files"));
  {
    auto folder = NewFolder::create(path, true);
    put(folder->path() / "new");
    ASSERT_TRUE(folder->commit());
  }
  EXPECT_EQ(names(path), std::set<std::string>{"new"});
  EXPECT_EQ(names(around_), std::set<std::string>{"made"});
  fs::create_directories(path / "inner");
  const auto inner = NewFolder::create(path, true);
  ASSERT_FALSE(inner);
  EXPECT_THAT(inner.error().message, HasSubstr("expected a folder that holds files alone, found inner in it"));
  put(around_ / "file");
  EXPECT_FALSE(NewFolder::create(around_ / "file", true));
}

}  // namespace
}  // namespace paddock
