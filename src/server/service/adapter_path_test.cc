// SPDX-License-Identifier: Apache-2.0
#include "server/service/adapter_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace paddock::server {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class AdapterPath : public ::testing::Test {
 protected:
  AdapterPath() {
    std::string pattern = (fs::temp_directory_path() / "paddock-adapters-XXXXXX").string();
    base_ = fs::canonical(::mkdtemp(pattern.data()));
    make(base_ / "allowed" / "one");
    make(base_ / "allowed" / "deep" / "two");
    make(base_ / "outside");
    make(base_ / "allowed-too");
  }
  ~AdapterPath() override { fs::remove_all(base_); }
  static void make(const fs::path& folder) {
    fs::create_directories(folder);
    std::ofstream(folder / "adapter_config.json") << "{}";
    std::ofstream(folder / "adapter_model.safetensors") << "x";
  }
  std::string resolved(const std::string& given) const {
    const auto path = adapter_path(base_ / "allowed", given);
    return path ? path->string() : path.error().message;
  }
  fs::path base_;
};

TEST_F(AdapterPath, LiesInTheFolder) {
  const std::string one = (base_ / "allowed" / "one").string();
  EXPECT_EQ(resolved("one"), one);
  EXPECT_EQ(resolved("./deep/../one"), one);
  EXPECT_EQ(resolved(one), one);
  EXPECT_EQ(resolved("deep/two"), (base_ / "allowed" / "deep" / "two").string());
}

TEST_F(AdapterPath, MayNotLeadOut) {
  fs::create_directory_symlink(base_ / "outside", base_ / "allowed" / "link");
  fs::create_directory(base_ / "allowed" / "files");
  std::ofstream(base_ / "allowed" / "files" / "adapter_config.json") << "{}";
  fs::create_symlink(base_ / "outside" / "adapter_model.safetensors",
                     base_ / "allowed" / "files" / "adapter_model.safetensors");
  for (const char* given : {"..", "../outside", "../allowed-too", "link", "/etc", "", "none", "one/../../outside"})
    EXPECT_THAT(resolved(given), HasSubstr("lora_path: ")) << given;
  EXPECT_THAT(resolved("../outside"), HasSubstr("--adapter-folder"));
  EXPECT_THAT(resolved("../nowhere"), HasSubstr("leads out of it"));
  EXPECT_THAT(resolved("files"), HasSubstr("expected a folder with adapter_model.safetensors"));
  EXPECT_THAT(resolved(std::string("one\0/../..", 9)), HasSubstr("lora_path: "));
}

TEST_F(AdapterPath, LinksInsideAreFollowed) {
  fs::create_directory_symlink(base_ / "allowed" / "one", base_ / "allowed" / "latest");
  EXPECT_EQ(resolved("latest"), (base_ / "allowed" / "one").string());
}

}  // namespace
}  // namespace paddock::server
