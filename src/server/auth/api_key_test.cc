// SPDX-License-Identifier: Apache-2.0
#include "server/auth/api_key.h"

#include <gtest/gtest.h>

#include <set>

namespace paddock::server::auth {
namespace {

TEST(Sha256, OfTheStandard) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256({"a", "", "bc"}), sha256("abc"));
  EXPECT_EQ(digest_from_hex(to_hex(sha256(""))), sha256(""));
  EXPECT_FALSE(digest_from_hex(std::string(64, 'G')));
  EXPECT_FALSE(digest_from_hex(std::string(63, 'a')));
}

TEST(ApiKey, NewOnesDiffer) {
  std::set<std::string> ids, texts;
  for (int index = 0; index < 100; ++index) {
    const auto secret = new_secret();
    ASSERT_TRUE(secret);
    ids.insert(secret->id), texts.insert(secret->text);
    EXPECT_EQ(secret->text.size(), 87u);
    const auto parsed = parse_api_key(secret->text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->id, secret->id);
    EXPECT_EQ(parsed->hash, secret->hash);
  }
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_EQ(texts.size(), 100u);
  EXPECT_EQ(new_secret("0123456789ab")->id, "0123456789ab");
}

TEST(ApiKey, EveryTypoIsFound) {
  const std::string good = new_secret()->text;
  for (size_t place = 0; place < good.size(); ++place) {
    std::string bad = good;
    bad[place] = bad[place] == '0' ? '1' : '0';
    const auto parsed = parse_api_key(bad);
    ASSERT_FALSE(parsed) << place;
    const bool is_frame = place < kKeyPrefix.size() || place == kKeyPrefix.size() + kKeyIdLength;
    EXPECT_EQ(parsed.error(), is_frame ? KeyFault::kMalformed : KeyFault::kMistyped) << place;
    EXPECT_EQ(parse_api_key(good.substr(0, place)).error(), KeyFault::kMalformed);
  }
}

TEST(ApiKey, OtherTextsAreMalformed) {
  const std::string good = new_secret()->text;
  std::string upper = good;
  upper[20] = 'F';
  for (const std::string& text : {std::string(), std::string("sk-abc"), " " + good, good + "\n", good + "0", upper,
                                  std::string(87, '\0'), std::string(1 << 20, 'a')})
    EXPECT_EQ(parse_api_key(text).error(), KeyFault::kMalformed);
}

TEST(ApiKey, RedactedInText) {
  const auto secret = new_secret();
  const std::string shown = "pdk_" + secret->id + "_[redacted]";
  EXPECT_EQ(redact_api_keys(secret->text), shown);
  EXPECT_EQ(redact_api_keys("a " + secret->text + ", b " + secret->text + "!"), "a " + shown + ", b " + shown + "!");
  EXPECT_EQ(redact_api_keys("cut: " + secret->text.substr(0, 40)), "cut: " + shown);
  for (const char* harmless : {"", "pdk_", "pdk_0123456789ab", "pdk_0123456789ab_", "pdk_01_23", "pdk_pdk_pdk_"})
    EXPECT_EQ(redact_api_keys(harmless), harmless);
}

}  // namespace
}  // namespace paddock::server::auth
