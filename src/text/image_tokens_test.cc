// SPDX-License-Identifier: Apache-2.0
#include "text/image_tokens.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "text/load_tokenizer.h"
#include "text/test_data.h"

namespace paddock::text {
namespace {

class ImageTokensTest : public testing::Test {
 protected:
  void SetUp() override {
    auto tokenizer = load_tokenizer(test_data("tiny.json"));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_.emplace(std::move(*tokenizer));
    auto tokens = ImageTokens::find(*tokenizer_, 2);
    ASSERT_TRUE(tokens) << tokens.error().message;
    tokens_.emplace(*tokens);
  }
  std::string expanded(std::vector<TileGrid> pictures, const char* prompt) {
    const auto result = tokens_->expand(tokenizer_->encode(prompt, Specials::kAll), pictures);
    if (!result) return result.error().message;
    places_ = result->tile_tokens;
    for (const auto& places : places_)
      for (const int64_t at : places)
        for (int64_t token = at; token < at + 2; ++token)
          EXPECT_EQ(result->ids[static_cast<size_t>(token)], tokens_->patch());
    return tokenizer_->decode(result->ids, SpecialText::kShow);
  }

  std::optional<Tokenizer> tokenizer_;
  std::optional<ImageTokens> tokens_;
  std::vector<std::vector<int64_t>> places_;
};

TEST_F(ImageTokensTest, OneTileHasNoSeparators) {
  EXPECT_EQ(expanded({{1, 1}}, "<|image|>"), "<|image_start|><|image|><|patch|><|patch|><|image_end|>");
  EXPECT_EQ(places_, (std::vector<std::vector<int64_t>>{{2}}));
}

// The last row is closed too, and the tile of all of it comes last.
TEST_F(ImageTokensTest, RowsAreJoinedAndClosed) {
  const std::string p = "<|patch|><|patch|>", x = "<|tile_x_separator|>", y = "<|tile_y_separator|>";
  EXPECT_EQ(expanded({{2, 2}}, "<|image|>"), "<|image_start|>" + p + x + p + y + p + x + p + y + "<|image|>" + p +
                                                 "<|image_end|>");
  EXPECT_EQ(places_, (std::vector<std::vector<int64_t>>{{1, 4, 7, 10, 14}}));
  EXPECT_EQ(expanded({{1, 2}}, "<|image|>"), "<|image_start|>" + p + x + p + y + "<|image|>" + p + "<|image_end|>");
  EXPECT_EQ(expanded({{2, 1}}, "<|image|>"), "<|image_start|>" + p + y + p + y + "<|image|>" + p + "<|image_end|>");
}

TEST_F(ImageTokensTest, EveryPictureStandsInItsPlace) {
  const std::string one = "<|image_start|><|image|><|patch|><|patch|><|image_end|>";
  EXPECT_EQ(expanded({{1, 1}, {1, 1}}, "a<|image|><|image|>b"), "a" + one + one + "b");
  EXPECT_EQ(places_.size(), 2u);
}

TEST_F(ImageTokensTest, AsManyPlacesAsPictures) {
  EXPECT_NE(expanded({{1, 1}}, "no place").find("1 pictures, found 0"), std::string::npos);
  EXPECT_NE(expanded({}, "<|image|>").find("0 pictures, found 1"), std::string::npos);
}

// The counts of the published tile, for all pictures of the reference set.
TEST_F(ImageTokensTest, CountsAreThoseOfTheReference) {
  SKIP_WITHOUT_REFERENCE("vision/preprocess.json");
  const Json all = Json::parse(read_test_file(reference_data("vision/preprocess.json")));
  const auto tokens = ImageTokens::find(*tokenizer_, all.at("tokens_per_tile"));
  ASSERT_TRUE(tokens);
  for (const auto& [name, image] : all.at("images").items()) {
    const TileGrid grid{image.at("rows"), image.at("cols")};
    EXPECT_EQ(tokens->count(grid), image.at("image_tokens")) << name;
    const auto prompt = tokens->expand(std::vector<TokenId>{tokens->placeholder()}, std::vector<TileGrid>{grid});
    ASSERT_TRUE(prompt);
    size_t at = 0;
    for (const Json& run : image.at("layout"))
      for (int64_t count = run.at(2); count > 0; --count, ++at)
        ASSERT_EQ(tokenizer_->token_bytes(prompt->ids.at(at)), run.at(0).get<std::string>()) << name << " " << at;
    EXPECT_EQ(at, prompt->ids.size()) << name;
  }
}

}  // namespace
}  // namespace paddock::text
