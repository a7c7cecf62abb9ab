// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "base/utf8.h"

namespace paddock {
namespace {

TEST(Utf8, DecodesEveryLengthAndRefusesIllFormed) {
  EXPECT_TRUE(is_valid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5", "\xE2\x82"})
    EXPECT_FALSE(is_valid_utf8(bad));
}

TEST(Base64, ComesBackAsItWas) {
  std::string bytes;
  for (int length = 0; length < 300; ++length) {
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
    bytes += static_cast<char>(length * 37);
  }
  EXPECT_EQ(encode_base64("hallo"), "aGFsbG8=");
  EXPECT_EQ(decode_base64("aGFsbG8"), "hallo");
  for (const char* wrong : {"a", "aGFsb", "a-==", "aG Fs", "aGFs\n"}) EXPECT_FALSE(decode_base64(wrong)) << wrong;
}

TEST(Utf8, ReplacesMaximalIllFormedParts) {
  EXPECT_EQ(replace_invalid_utf8("a\xF0\x9F\x98z"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8, IncompleteSuffix) {
  EXPECT_EQ(incomplete_utf8_suffix("ab"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\xE2\x82"), 2u);
  EXPECT_EQ(incomplete_utf8_suffix("\xF0\x9F\x98"), 3u);
  EXPECT_EQ(incomplete_utf8_suffix("\xE2\x82\xAC"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("\xED\xA0"), 0u);  // already ill-formed: waiting cannot help
}

TEST(Json, RefusesDuplicateKeysDepthAndTrailingText) {
  EXPECT_EQ(parse_json(R"({"a":1,"b":{"a":2}})", "x").value()["b"]["a"], 2);
  EXPECT_NE(parse_json(R"({"a":1,"a":2})", "x").error().message.find("\"a\" twice"), std::string::npos);
  EXPECT_FALSE(parse_json("[1] 2", "x"));
  EXPECT_FALSE(parse_json(std::string(100000, '['), "x"));
  EXPECT_TRUE(parse_json(std::string(200, '[') + std::string(200, ']'), "x"));
  EXPECT_FALSE(parse_json("", "x"));
  EXPECT_FALSE(parse_json("NaN", "x"));
}

TEST(Json, KeepsIntegersBeyond64BitsWhenAsked) {
  const char* text = R"([18446744073709551615, 18446744073709551616, -9223372036854775809, 1e20, 1.0])";
  EXPECT_EQ(parse_json(text, "x").value()[1], 18446744073709551616.0);
  const Json value = parse_json(text, "x", {.exact_integers = true}).value();
  EXPECT_EQ(value[0], 18446744073709551615u);
  EXPECT_EQ(big_integer(value[1]), "18446744073709551616");
  EXPECT_EQ(big_integer(value[2]), "-9223372036854775809");
  EXPECT_EQ(value[3], 1e20);
  EXPECT_EQ(value[4], 1.0);
  EXPECT_EQ(big_integer(value[0]), std::nullopt);
}

TEST(Json, RepairsSurrogatesOnlyWhenAsked) {
  const char* lone = R"(["\ud800x", "\udc00", "\ud83d\ude00", "\\ud800"])";
  EXPECT_FALSE(parse_json(lone, "x"));
  const Json value = parse_json(lone, "x", {.repair_text = true}).value();
  EXPECT_EQ(value[0], "\xEF\xBF\xBDx");
  EXPECT_EQ(value[1], "\xEF\xBF\xBD");
  EXPECT_EQ(value[2], "\xF0\x9F\x98\x80");
  EXPECT_EQ(value[3], "\\ud800");
}

TEST(MappedFile, MapsAndRefuses) {
  const auto folder = std::filesystem::temp_directory_path();
  const auto path = folder / ("paddock_mapped_" + std::to_string(::getpid()));
  std::ofstream(path) << "hello";
  auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->bytes().size(), 5u);
  std::filesystem::remove(path);
  EXPECT_EQ(MappedFile::open(path).error().code, ErrorCode::kNotFound);
  EXPECT_NE(MappedFile::open(folder).error().message.find("a folder"), std::string::npos);
}

TEST(ThreadPool, CoversEveryItemOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const int64_t count : {0, 1, 7, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      pool.parallel_for(count, 1, [&](int64_t begin, int64_t end, int thread) {
        EXPECT_LT(thread, threads);
        for (int64_t item = begin; item < end; ++item) ++hits[static_cast<size_t>(item)];
      });
      for (const auto& hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

}  // namespace
}  // namespace paddock
