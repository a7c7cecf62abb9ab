// SPDX-License-Identifier: Apache-2.0
#include "base/file_pages.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/read_ahead.h"

namespace paddock {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kPage = 4096;
constexpr size_t kSize = 1300 * kPage + 77;  // more than a piece of any kind, and no whole page at the end

class FilePages : public testing::Test {
 protected:
  FilePages() : path_(std::filesystem::temp_directory_path() / ("paddock_pages_" + std::to_string(::getpid()))) {
    for (size_t at = 0; at < kSize; ++at) content_.push_back(static_cast<char>(at * 7 + at / 4099));
    std::ofstream(path_, std::ios::binary) << content_;
  }
  ~FilePages() override { std::filesystem::remove(path_); }

  MappedFile open() { return std::move(MappedFile::open(path_).value()); }
  bool same(const MappedFile& file) {
    return std::equal(content_.begin(), content_.end(), reinterpret_cast<const char*>(file.bytes().data()));
  }
  // Gives up what the page cache has of the file; a file system in memory keeps it.
  void make_cold(const MappedFile& file) {
    ::fsync(file.descriptor());
    ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  }
  static bool is_cached(const MappedFile& file, size_t offset) {
    std::byte byte;
    const iovec to{&byte, 1};
    return ::preadv2(file.descriptor(), &to, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
  }

  std::filesystem::path path_;
  std::string content_;
};

using Range = std::pair<size_t, size_t>;
std::vector<Range> ranges(const std::vector<FilePart>& pages) {
  std::vector<Range> found;
  for (const FilePart& page : pages) found.push_back({page.offset, page.end()});
  return found;
}

TEST_F(FilePages, CoverThePartsOnceInTheirOrder) {
  const MappedFile file = open(), other = open();
  const auto pages = [&](std::vector<FilePart> parts) { return ranges(whole_pages(parts)); };
  EXPECT_EQ(pages({}), std::vector<Range>{});
  EXPECT_EQ(pages({{&file, 5, 0}}), std::vector<Range>{});
  EXPECT_EQ(pages({{&file, 5, 1}}), (std::vector<Range>{{0, kPage}}));
  EXPECT_EQ(pages({{&file, kPage - 1, 2}}), (std::vector<Range>{{0, 2 * kPage}}));
  EXPECT_EQ(pages({{&file, kSize - 1, 1}}), (std::vector<Range>{{1300 * kPage, kSize}}));
  // Neighbours become one, and a page of two parts comes once.
  EXPECT_EQ(pages({{&file, 0, kPage + 1}, {&file, kPage + 1, kPage}}), (std::vector<Range>{{0, 3 * kPage}}));
  // The later part is before, in and behind what came first.
  EXPECT_EQ(pages({{&file, 2 * kPage, kPage}, {&file, 0, 5 * kPage}}),
            (std::vector<Range>{{2 * kPage, 3 * kPage}, {0, 2 * kPage}, {3 * kPage, 5 * kPage}}));
  EXPECT_EQ(pages({{&file, 0, 1}, {&other, 0, 1}}), (std::vector<Range>{{0, kPage}, {0, kPage}}));
  EXPECT_EQ(total_size(whole_pages(std::vector<FilePart>{{&file, 1, 1}, {&other, kSize - 1, 1}})), kPage + 77);
}

TEST_F(FilePages, CopiesAreTheFileWithoutTheFile) {
  const MappedFile file = open();
  make_cold(file);
  size_t last = 0;
  const auto progress = [&](size_t done, size_t total) {
    EXPECT_EQ(total, kSize - kPage);
    EXPECT_GE(done, last);
    last = done;
  };
  const auto pages = whole_pages(std::vector<FilePart>{{&file, kPage, kSize - kPage}});
  ASSERT_TRUE(copy_pages(pages, progress));
  EXPECT_GT(last, 0u);
  EXPECT_TRUE(same(file));
  std::filesystem::resize_file(path_, kPage);
  EXPECT_TRUE(same(file)) << "the copy does not need the file any more";
}

TEST_F(FilePages, AFileThatWasCutShortIsRefusedWhenItIsCopied) {
  const MappedFile file = open();
  std::filesystem::resize_file(path_, 3 * kPage);
  const auto copied = copy_pages(std::vector<FilePart>{{&file, 0, kSize}}, nullptr);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ErrorCode::kIo);
  EXPECT_THAT(copied.error().message, AllOf(HasSubstr(path_.string()), HasSubstr("expected " + std::to_string(kSize)),
                                            HasSubstr("the end of the file at "), HasSubstr("do not change")));
}

TEST_F(FilePages, ReadingAheadFillsThePageCache) {
  const MappedFile file = open();
  for (int turn = 0; turn < 2; ++turn) {  // cold, then warm
    if (turn == 0) make_cold(file);
    ReadAhead ahead({{&file, 0, kSize}});
    ahead.wait_for(nullptr);
    for (size_t offset = 0; offset < kSize; offset += kPage) EXPECT_TRUE(is_cached(file, offset)) << offset;
  }
  EXPECT_TRUE(same(file));
}

TEST_F(FilePages, ReadingAheadEndsWhereTheFileEnds) {
  const MappedFile file = open();
  std::filesystem::resize_file(path_, 3 * kPage);
  ReadAhead ahead({{&file, 0, kSize}});
  ahead.wait_for(nullptr);
  ReadAhead stopped({{&file, 0, kSize}});  // and may go at any time
}

TEST_F(FilePages, LockedPagesAreTheFile) {
  const MappedFile file = open();
  make_cold(file);
  size_t last = 0;
  const auto locked =
      lock_pages(std::vector<FilePart>{{&file, 0, 2 * kPage}}, [&](size_t done, size_t) { last = done; });
  ASSERT_TRUE(locked) << locked.error().message;
  EXPECT_EQ(last, 2 * kPage);
  EXPECT_TRUE(same(file));
}

// An administrator may lock whatever the limit says.
void become_ordinary() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  ::syscall(SYS_capget, &header, data);
  data[0].effective &= ~(1u << CAP_IPC_LOCK);
  ::syscall(SYS_capset, &header, data);
}

TEST_F(FilePages, WhatTheSystemForbidsToLockIsRefused) {
  const MappedFile file = open();
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit little = {kPage * 16, kPage * 16};
    ::setrlimit(RLIMIT_MEMLOCK, &little);
    become_ordinary();
    const auto locked = lock_pages(std::vector<FilePart>{{&file, 0, kSize}}, nullptr);
    const std::string sentence = locked ? "" : locked.error().message;
    for (const char* part : {"RLIMIT_MEMLOCK", "leave for 5201 KiB", "found a limit of 64 KiB", "ulimit -l"})
      if (sentence.find(part) == std::string::npos) ::_exit(1);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace paddock
