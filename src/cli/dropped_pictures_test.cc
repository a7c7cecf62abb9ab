// SPDX-License-Identifier: Apache-2.0
#include "cli/dropped_pictures.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace paddock::cli {
namespace {

class DroppedPictures : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "dropped_pictures";
    std::filesystem::create_directories(folder_);
    for (const char* name : {"cat.png", "my cat (1).png"}) std::ofstream(folder_ + "/" + name) << "\x89PNG\r\n\x1a\n";
    std::ofstream(folder_ + "/notes.txt") << "a text";
  }
  std::string folder_;
};

TEST_F(DroppedPictures, ArePathsAsTerminalsTypeThem) {
  const std::string cat = folder_ + "/cat.png", my_cat = folder_ + "/my cat (1).png";
  const std::pair<std::string, std::string> lines[] = {
      {cat, cat},
      {cat + " what is it?", cat},
      {"'" + my_cat + "' what is it?", my_cat},
      {"\"" + my_cat + "\" what is it?", my_cat},
      {folder_ + "/my\\ cat\\ \\(1\\).png what is it?", my_cat},
      {"file://" + folder_ + "/my%20cat%20(1).png what is it?", "file"},
  };
  for (const auto& [line, path] : lines) {
    const DroppedFiles found = find_dropped_pictures(line);
    ASSERT_EQ(found.pictures.size(), 1u) << line;
    EXPECT_EQ(found.pictures[0], path == "file" ? my_cat : path);
    EXPECT_EQ(found.text, line == cat ? "" : " what is it?");
  }
  EXPECT_EQ(find_dropped_pictures(cat + " " + cat).pictures.size(), 2u);
}

TEST_F(DroppedPictures, OtherWordsStayAsTheyAre) {
  for (const std::string& line :
       {std::string("/reset"), std::string("what's in \"cat.png\"? it's 5% done \\n"), folder_ + "/notes.txt",
        folder_ + "/missing.png", std::string("cat.png"), std::string("'"), std::string("\\"), std::string("%2")}) {
    const DroppedFiles found = find_dropped_pictures(line);
    EXPECT_TRUE(found.pictures.empty()) << line;
    EXPECT_EQ(found.text, line);
  }
}

}  // namespace
}  // namespace paddock::cli
