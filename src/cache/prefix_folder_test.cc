// SPDX-License-Identifier: Apache-2.0
#include "cache/prefix_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/clock.h"
#include "cache/test_pages.h"

namespace paddock::cache {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Tokens = std::vector<int32_t>;

constexpr uint64_t kPlenty = 1 << 20;

CacheShape shape_of(tensor::KvFormat format) {
  CacheShape shape;
  for (GroupShape& group : shape)
    group = {.layers = 2, .kv_heads = 1, .head_width = 40, .page_positions = 4, .chunk = 0, .format = format};
  shape[kLocal].layers = 3;
  shape[kLocal].chunk = 16;
  return shape;
}

class PrefixFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "prefix_folder.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
    path_ = scratch_ / "inner" / "folder";
  }
  void TearDown() override { fs::remove_all(scratch_); }

  std::unique_ptr<PrefixFolder> open(uint64_t limit = kPlenty, const std::string& model = "a model") const {
    auto folder = PrefixFolder::open(path_, limit, sha256(model), shape_);
    EXPECT_TRUE(folder) << folder.error().message;
    return folder ? std::move(*folder) : nullptr;
  }
  std::vector<std::byte> page(Group group, uint32_t seed) const { return some_bytes(shape_[group].page_bytes(), seed); }
  // Both groups' pages of each of the pages of a text.
  void write_text(PrefixFolder& folder, const Tokens& text) const {
    const size_t pages = (text.size() + 3) / 4;
    const int64_t moment = folder.moment(static_cast<int64_t>(pages));
    Digest before = folder.root();
    for (size_t first = 0; first < text.size(); first += 4) {
      const Tokens tokens(text.begin() + static_cast<ptrdiff_t>(first),
                          text.begin() + static_cast<ptrdiff_t>(std::min(first + 4, text.size())));
      for (const Group group : kAllGroups)
        folder.write({before, tokens, group}, moment + static_cast<int64_t>(pages - 1 - first / 4),
                     page(group, seed_of(tokens)));
      before = text_digest(before, tokens);
    }
  }
  static uint32_t seed_of(const Tokens& tokens) { return static_cast<uint32_t>(tokens[0] * 100 + tokens.back()); }
  static std::optional<PrefixFolder::ReadPage> wait_for_page(PrefixFolder& folder) {
    for (const Stopwatch watch; watch.seconds() < 10; folder.wait(0.01))
      if (auto page = folder.take()) return page;
    return {};
  }
  // Until all that was given is written, or refused.
  static void wait_for_written(const PrefixFolder& folder, int64_t pages) {
    for (const Stopwatch watch; watch.seconds() < 10 && folder.counts().written < pages && folder.is_writable();)
      ::usleep(1000);
  }
  std::vector<fs::path> files(const std::string& ending) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(path_))
      if (entry.path().extension() == ending) found.push_back(entry.path());
    return found;
  }

  fs::path scratch_, path_;
  CacheShape shape_ = shape_of(tensor::DType::kF16);
};

class PrefixFolderFormatTest : public PrefixFolderTest, public testing::WithParamInterface<tensor::KvFormat> {};

INSTANTIATE_TEST_SUITE_P(Caches, PrefixFolderFormatTest,
                         testing::Values(tensor::DType::kF32, tensor::DType::kF16, tensor::DType::kBF16,
                                         tensor::DType::kQ8_0, tensor::DType::kQ4_1,
                                         tensor::KvFormat(tensor::DType::kQ8_0, tensor::DType::kQ4_1)),
                         [](const auto& cache) {
                           std::string name = cache.param.name();
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

TEST_P(PrefixFolderFormatTest, GivesBackWhatItWasGivenAfterARestart) {
  shape_ = shape_of(GetParam());
  const Tokens text = {1, 2, 3, 4, 5, 6};
  write_text(*open(), text);
  EXPECT_EQ(files(".global").size(), 2u);
  EXPECT_EQ(files(".local").size(), 2u);
  EXPECT_TRUE(files(".part").empty());

  const auto folder = open();
  EXPECT_EQ(folder->counts().pages, 4);
  const auto first = folder->find(folder->root(), Tokens{1, 2, 3, 4});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->shared, 4);
  const Digest before = text_digest(folder->root(), Tokens{1, 2, 3, 4});
  const auto second = folder->find(before, Tokens{5, 9});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->shared, 1);
  EXPECT_EQ(second->tokens, (Tokens{5, 6}));
  folder->read({{folder->root(), {1, 2, 3, 4}, kGlobal}, {before, {5, 6}, kLocal}});
  const auto read = wait_for_page(*folder), then = wait_for_page(*folder);
  ASSERT_TRUE(read && then);
  EXPECT_TRUE(std::ranges::equal(read->bytes, page(kGlobal, seed_of({1, 2, 3, 4}))));
  EXPECT_EQ(then->name.tokens, (Tokens{5, 6}));
  EXPECT_TRUE(std::ranges::equal(then->bytes, page(kLocal, seed_of({5, 6}))));
  EXPECT_EQ(folder->counts().read, 2);
}

TEST_F(PrefixFolderTest, PagesOfAnotherModelOrOtherSettingsAreRemoved) {
  write_text(*open(), {1, 2, 3, 4});
  {
    const auto other = open(kPlenty, "another model");
    EXPECT_EQ(other->counts().discarded, 2);
    EXPECT_EQ(other->counts().pages, 0);
    EXPECT_TRUE(files(".global").empty());
    write_text(*other, {1, 2, 3, 4});
  }
  shape_ = shape_of(tensor::DType::kBF16);  // as many bytes, other numbers
  EXPECT_EQ(open(kPlenty, "another model")->counts().discarded, 2);
}

TEST_F(PrefixFolderTest, DamagedFilesAreRemoved) {
  const auto damage = [&](const fs::path& path, int64_t place) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const int byte = file.get();
    file.seekp(place);
    file.put(static_cast<char>(byte ^ 1));
  };
  write_text(*open(), {1, 2, 3, 4, 5, 6});
  // A head: found at the start. What a page holds: when it is read.
  damage(files(".local")[0], 30);
  fs::resize_file(files(".local")[1], fs::file_size(files(".local")[1]) - 1);
  fs::copy_file(files(".global")[0], path_ / "0123.global");  // of a text that has another name
  for (const fs::path& path : files(".global"))
    if (path.stem() != "0123") damage(path, 200);
  std::ofstream(path_ / "1.2.part") << "begun";
  std::ofstream(path_ / "notes.txt") << "somebody's";
  const auto folder = open();
  EXPECT_EQ(folder->counts().discarded, 3);
  EXPECT_EQ(folder->counts().pages, 2);
  EXPECT_FALSE(fs::exists(path_ / "1.2.part"));
  EXPECT_TRUE(fs::exists(path_ / "notes.txt"));
  folder->read({{folder->root(), {1, 2, 3, 4}, kGlobal}});
  const auto page = wait_for_page(*folder);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->bytes.empty());
  EXPECT_EQ(folder->counts().discarded, 4);
  EXPECT_FALSE(folder->find(folder->root(), Tokens{1, 2, 3, 4}));
  EXPECT_EQ(files(".global").size(), 1u);
}

// A file whose name and place are right, of a text that shares nothing with it.
TEST_F(PrefixFolderTest, APageOfAnotherTextIsNotTaken) {
  const auto folder = open();
  write_text(*folder, {1, 2, 3, 4});
  wait_for_written(*folder, 2);
  const fs::path path = files(".global")[0];
  const PageHead other{folder->root(), folder->root(), kGlobal, {9, 9, 9, 9}, shape_[kGlobal].page_bytes()};
  const auto bytes = whole_file(other, page(kGlobal, 5));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  folder->read({{folder->root(), {1, 2, 3, 4}, kGlobal}});
  const auto read = wait_for_page(*folder);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->bytes.empty());
}

TEST_F(PrefixFolderTest, WhatServedLeastRecentlyGoesFirstAndLeavesBeforeWhatTheyStandOn) {
  const auto file = [&](Group group, size_t tokens) { return head_bytes(tokens) + shape_[group].page_bytes() + 32; };
  const uint64_t of_page = file(kGlobal, 4) + file(kLocal, 4);
  {
    const auto folder = open(5 * of_page);
    write_text(*folder, {1, 1, 1, 1, 2, 2, 2, 2});
    write_text(*folder, {3, 3, 3, 3, 4, 4, 4, 4});
    const int64_t moment = folder->moment(2);
    const Digest before = text_digest(folder->root(), Tokens{1, 1, 1, 1});
    wait_for_written(*folder, 8);
    for (const Group group : kAllGroups) {
      folder->use({folder->root(), {1, 1, 1, 1}, group}, moment + 1);
      folder->use({before, {2, 2, 2, 2}, group}, moment);
    }
  }
  const auto folder = open(3 * of_page);
  EXPECT_LE(folder->counts().bytes, 3 * of_page);
  EXPECT_EQ(folder->counts().pages, 6);
  const auto has = [&](const Digest& before, int32_t token) {
    return folder->find(before, Tokens(4, token)).has_value();
  };
  EXPECT_TRUE(has(folder->root(), 1) && has(text_digest(folder->root(), Tokens(4, 1)), 2));
  EXPECT_TRUE(has(folder->root(), 3));
  EXPECT_FALSE(has(text_digest(folder->root(), Tokens(4, 3)), 4)) << "of the older text the end goes first";
  write_text(*folder, {5, 5, 5, 5, 6, 6, 6, 6});
  wait_for_written(*folder, 4);
  EXPECT_FALSE(has(folder->root(), 3));
  EXPECT_LE(folder->counts().bytes, 3 * of_page);
  uint64_t on_disk = 0;
  for (const char* ending : {".global", ".local"})
    for (const fs::path& path : files(ending)) on_disk += fs::file_size(path);
  EXPECT_EQ(on_disk, folder->counts().bytes);
}

TEST_F(PrefixFolderTest, APageThatIsFullReplacesItsBeginnings) {
  const auto folder = open();
  write_text(*folder, {1, 2});
  write_text(*folder, {1, 7});
  write_text(*folder, {1, 2, 3});
  write_text(*folder, {1, 2, 3, 4});
  wait_for_written(*folder, 8);
  EXPECT_EQ(folder->counts().pages, 4);
  EXPECT_EQ(files(".global").size(), 2u);
  EXPECT_EQ(folder->find(folder->root(), Tokens{1, 7})->shared, 2);
}

TEST_F(PrefixFolderTest, ServesOneProcessAtATime) {
  const auto folder = open();
  const auto second = PrefixFolder::open(path_, kPlenty, sha256("a model"), shape_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another process"));
}

TEST_F(PrefixFolderTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(scratch_ / "inner") << "a file";
  EXPECT_FALSE(PrefixFolder::open(path_, kPlenty, sha256("a model"), shape_));
}

TEST_F(PrefixFolderTest, AFolderWithoutRoomForAPageIsAnError) {
  EXPECT_FALSE(PrefixFolder::open(path_, shape_[kLocal].page_bytes(), sha256("a model"), shape_));
}

TEST_F(PrefixFolderTest, IsForItsOwnerAlone) {
  write_text(*open(), {1, 2, 3, 4});
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(files(".global")[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

// No file may grow beyond some bytes: a disk that is full, as far as a writer can tell.
TEST_F(PrefixFolderTest, AFullDiskStopsTheWritingAndLeavesNothingBehind) {
  const auto folder = open();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 300;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  write_text(*folder, {1, 2, 3, 4});
  wait_for_written(*folder, 2);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_FALSE(folder->is_writable());
  EXPECT_EQ(folder->counts().written, 0);
  EXPECT_FALSE(folder->find(folder->root(), Tokens{1, 2, 3, 4}));
  EXPECT_TRUE(files(".global").empty() && files(".part").empty());
}

TEST_F(PrefixFolderTest, OnlyTheLastCallReads) {
  const auto folder = open();
  write_text(*folder, {1, 2, 3, 4, 5, 6, 7, 8});
  wait_for_written(*folder, 4);
  const Digest before = text_digest(folder->root(), Tokens{1, 2, 3, 4});
  folder->read({{folder->root(), {1, 2, 3, 4}, kGlobal}, {folder->root(), {1, 2, 3, 4}, kLocal}});
  folder->read({{before, {5, 6, 7, 8}, kGlobal}});
  const auto page = wait_for_page(*folder);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->name.tokens, (Tokens{5, 6, 7, 8}));
  EXPECT_FALSE(folder->take());
}

}  // namespace
}  // namespace paddock::cache
