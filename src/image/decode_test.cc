// SPDX-License-Identifier: Apache-2.0
#include "image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "image/png_writer.h"
#include "image/test_data.h"

namespace paddock::image {
namespace {

constexpr Limits kLimits;

std::vector<std::string> good_pictures() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test_picture("")))
    if (entry.is_regular_file() && entry.path().extension() != ".json") names.push_back(entry.path().filename());
  return names;
}

// The sentence is one line and says what was expected, what was found and what to do.
void expect_refusal(const Error& error, const std::string& name) {
  EXPECT_THAT(error.message, testing::MatchesRegex("expected .*, found .*; .*")) << name;
  EXPECT_EQ(error.message.find('\n'), std::string::npos) << name;
  EXPECT_LT(error.message.size(), 300u) << name;
}

// Digests are exact for lossy files too: libjpeg-turbo 2.1 and 3.2, libwebp 1.2 and 1.6 agree on these.
TEST(Decode, ReadsEveryKindAndCutsItsTiles) {
  const nlohmann::json expected = read_test_json(test_picture("expected.json"));
  for (const auto& entry : expected["pictures"]) {
    SCOPED_TRACE(entry["file"].get<std::string>() + ": " + entry["note"].get<std::string>());
    const std::string file = read_test_file(test_picture(entry["file"]));
    const Size size{entry["width"], entry["height"]};
    const auto header = read_size(as_file(file), kLimits);
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(*header, size);
    const auto picture = decode(as_file(file), kLimits);
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ((Size{picture->width, picture->height}), size);
    EXPECT_EQ(digest_of(picture->rgb), entry["rgb_sha256"]);
    const Tiles tiles = cut_tiles(*picture, {});
    EXPECT_EQ(tiles.canvas, (Canvas{entry["rows"], entry["cols"]}));
    EXPECT_EQ(tiles.canvas.tiles(), entry["tiles"]);
    EXPECT_EQ(digest_of(tiles.planes), entry["tiles_sha256"]);
  }
}

TEST(Decode, RefusesBrokenAndHostileFiles) {
  size_t refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test_picture("bad"))) {
    const std::string name = entry.path().filename();
    const std::string file = read_test_file(entry.path());
    const auto picture = decode(as_file(file), kLimits);
    if (name == "palette_index.png") {  // black where the palette has no colour
      ASSERT_TRUE(picture) << picture.error().message;
      EXPECT_EQ(picture->rgb.size(), 8u * 8 * 3);
      continue;
    }
    ASSERT_FALSE(picture) << name;
    expect_refusal(picture.error(), name);
    const bool size_alone = name.starts_with("huge") || name.starts_with("bomb");
    EXPECT_EQ(picture.error().code, size_alone ? ErrorCode::kLimit : ErrorCode::kBadFile) << name;
    ++refused;
  }
  EXPECT_EQ(refused, 20u);
}

// Wherever a file ends early, it is refused: by its header, its pixels or its missing end.
TEST(Decode, RefusesEveryFileThatEndsEarly) {
  for (const std::string& name : good_pictures()) {
    const std::string file = read_test_file(test_picture(name));
    ASSERT_TRUE(decode(as_file(file), kLimits)) << name;
    const size_t step = std::max<size_t>(file.size() / 60, 1);
    for (size_t missing = 1; missing <= file.size(); missing += missing < 24 ? 1 : step) {
      const std::string part = file.substr(0, file.size() - missing);
      const auto picture = decode(as_file(part), kLimits);
      ASSERT_FALSE(picture) << name << " without its last " << missing << " bytes";
      expect_refusal(picture.error(), name);
    }
  }
}

// Later bytes are not the picture's: cameras and chat programs append theirs.
TEST(Decode, ReadsFilesWithBytesBehindTheirEnd) {
  for (const std::string& name : good_pictures()) {
    const auto picture = decode(as_file(read_test_file(test_picture(name)) + std::string(1000, 'x')), kLimits);
    EXPECT_TRUE(picture) << name << ": " << picture.error().message;
  }
}

TEST(Decode, DamagedFilesEndInAPictureOrASentence) {
  for (const std::string& name : good_pictures()) {
    const std::string file = read_test_file(test_picture(name));
    for (size_t position = 0; position < file.size(); position += std::max<size_t>(file.size() / 80, 1)) {
      std::string damaged = file;
      damaged[position] = static_cast<char>(damaged[position] ^ (1 << position % 8));
      const auto picture = decode(as_file(damaged), {.bytes = 1 << 20, .pixels = 1'000'000});
      if (!picture) expect_refusal(picture.error(), name);
    }
  }
}

TEST(Decode, LimitsAreAskedBeforePixelsAreRead) {
  const std::string file = read_test_file(test_picture("p337x336.png"));
  const auto refusal = [&](const Limits& limits) {
    const auto picture = decode(as_file(file), limits);
    const auto size = read_size(as_file(file), limits);
    EXPECT_FALSE(picture);
    EXPECT_FALSE(size);
    if (picture || size) return std::string();
    EXPECT_EQ(picture.error().code, ErrorCode::kLimit);
    EXPECT_EQ(picture.error().message, size.error().message);
    return picture.error().message;
  };
  EXPECT_EQ(refusal({.bytes = file.size() - 1}),
            "expected a picture file of at most 19305 bytes, found 19306; send it smaller");
  EXPECT_EQ(refusal({.pixels = 337 * 336 - 1}),
            "expected a picture of at most 113231 pixels, found a PNG of 337 x 336; send it smaller");
  EXPECT_EQ(refusal({.side = 336}),
            "expected a picture of at most 336 pixels a side, found a PNG of 337 x 336; send it smaller");
  EXPECT_TRUE(decode(as_file(file), {.bytes = file.size(), .pixels = 337 * 336, .side = 337}));
}

TEST(Decode, SaysWhatItWasGivenInstead) {
  const auto found = [](const std::string& bytes) {
    const auto picture = decode(as_file(bytes), kLimits);
    return picture ? "" : picture.error().message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(found(""), HasSubstr("found no bytes at all"));
  EXPECT_THAT(found("%PDF-1.7"), HasSubstr("found a PDF"));
  EXPECT_THAT(found("BM" + std::string(60, '\0')), HasSubstr("found a BMP"));
  EXPECT_THAT(found(std::string("\0\0\0\x20"
                                "ftypheic",
                                12)),
              HasSubstr("found a HEIC"));
  EXPECT_THAT(found(std::string("\0\0\0\x20"
                                "ftypavif",
                                12)),
              HasSubstr("found an AVIF"));
  EXPECT_THAT(found("<?xml version='1.0'?><svg/>"), HasSubstr("found an SVG drawing"));
  EXPECT_THAT(found("https://example.org/cat.png"), HasSubstr("found text"));
  EXPECT_THAT(found(std::string(100, '\x01')), HasSubstr("found other bytes"));
  for (size_t length = 0; length < 16; ++length) EXPECT_NE(found(std::string(length, '\0')), "");
}

TEST(PngWriter, WritesWhatIsReadBack) {
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{1, 1}, {3, 2}, {336, 336}}) {
    std::vector<uint8_t> rgb(static_cast<size_t>(width * height * 3));
    for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i * 7 + i / 300);
    const auto picture = decode(as_file(write_png(width, height, rgb)), kLimits);
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ(picture->width, width);
    EXPECT_EQ(picture->rgb, rgb);
  }
}

TEST(Limits, DecodingMemoryGrowsWithThePixels) {
  EXPECT_GT(decoding_bytes({}), 12u * 50'000'000);
  EXPECT_LT(decoding_bytes({.pixels = 1'000'000, .side = 4096}), 80u << 20);
}

}  // namespace
}  // namespace paddock::image
