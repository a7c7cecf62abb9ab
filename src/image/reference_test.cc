// SPDX-License-Identifier: Apache-2.0
// Every picture of the reference set: what Pillow and the models' own code make of it, within the tolerances that stand
// there.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "image/decode.h"
#include "image/orientation.h"
#include "image/test_data.h"

namespace paddock::image {
namespace {

constexpr Limits kDefaultLimits;

Picture decoded(const std::string& path) {
  const std::string file = read_test_file(reference_picture(path));
  auto picture = decode(as_file(file), kDefaultLimits);
  EXPECT_TRUE(picture) << path << ": " << picture.error().message;
  if (!picture) return {};
  const auto size = read_size(as_file(file), kDefaultLimits);
  EXPECT_TRUE(size);
  if (size) {
    EXPECT_EQ(*size, (Size{picture->width, picture->height})) << path;
  }
  return std::move(*picture);
}

// Arrays of float32 and float16 in a safetensors file.
class Arrays {
 public:
  explicit Arrays(const std::filesystem::path& path) : bytes_(read_test_file(path)) {
    std::memcpy(&header_bytes_, bytes_.data(), 8);
    header_ = nlohmann::json::parse(bytes_.substr(8, header_bytes_));
  }
  bool holds(const std::string& name) const { return header_.contains(name); }
  std::vector<float> values(const std::string& name) const {
    const auto& entry = header_.at(name);
    const size_t first = entry["data_offsets"][0], last = entry["data_offsets"][1];
    const char* const data = bytes_.data() + 8 + header_bytes_ + first;
    const bool half = entry["dtype"] == "F16";
    std::vector<float> values((last - first) / (half ? 2 : 4));
    if (!half) {
      std::memcpy(values.data(), data, last - first);
      return values;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      uint16_t bits;
      std::memcpy(&bits, data + 2 * i, 2);
      const int exponent = bits >> 10 & 31;  // neither infinite nor NaN here
      const float size = exponent == 0 ? std::ldexp(static_cast<float>(bits & 1023), -24)
                                       : std::ldexp(static_cast<float>(1024 | (bits & 1023)), exponent - 25);
      values[i] = bits & 0x8000 ? -size : size;
    }
    return values;
  }

 private:
  std::string bytes_;
  uint64_t header_bytes_ = 0;
  nlohmann::json header_;
};

float normalised(uint8_t byte) { return (static_cast<float>(byte) / 255.0f - 0.5f) / 0.5f; }

struct Difference {
  double most = 0;
  double mean = 0;
};

// Between two rows of numbers of the same length, which are called by index.
template <typename One, typename Other>
Difference difference(size_t count, One&& one, Other&& other) {
  Difference result;
  for (size_t i = 0; i < count; ++i) {
    const double apart = std::abs(static_cast<double>(one(i)) - static_cast<double>(other(i)));
    result.most = std::max(result.most, apart);
    result.mean += apart;
  }
  result.mean /= static_cast<double>(count);
  return result;
}

void expect_geometry(const nlohmann::json& entry, const Tiles& tiles) {
  const TilingRules rules;
  EXPECT_EQ(tiles.canvas, (Canvas{entry["rows"], entry["cols"]}));
  EXPECT_EQ(tiles.canvas.tiles(), entry["tiles"]);
  EXPECT_EQ(resized_size(entry["width"], entry["height"], tiles.canvas, rules),
            (Size{entry["resized_width"], entry["resized_height"]}));
}

// Means of blocks of 42 x 42 pixels.
void expect_pooled(const std::vector<float>& expected, const Tiles& tiles, double tolerance) {
  constexpr int64_t kBlock = 42, kBlocks = 8;
  ASSERT_EQ(expected.size(), static_cast<size_t>(tiles.canvas.tiles() * 3 * kBlocks * kBlocks));
  const auto pooled = [&](size_t index) {
    const auto block = static_cast<int64_t>(index);
    const int64_t plane = block / (kBlocks * kBlocks), row = block / kBlocks % kBlocks, column = block % kBlocks;
    double sum = 0;
    for (int64_t y = row * kBlock; y < (row + 1) * kBlock; ++y)
      for (int64_t x = column * kBlock; x < (column + 1) * kBlock; ++x)
        sum += normalised(tiles.planes[static_cast<size_t>((plane * tiles.tile + y) * tiles.tile + x)]);
    return sum / (kBlock * kBlock);
  };
  EXPECT_LE(difference(expected.size(), pooled, [&](size_t i) { return expected[i]; }).most, tolerance);
}

void expect_pixel_values(const nlohmann::json& entry, const std::vector<float>& expected, const Tiles& tiles) {
  const size_t tile = static_cast<size_t>(3 * tiles.tile * tiles.tile);
  ASSERT_EQ(expected.size(), entry["full_tiles"].size() * tile);
  const bool alpha = entry["pillow_mode"] != "RGB" && entry["pillow_mode"] != "L";
  size_t stored = 0;
  for (const size_t number : entry["full_tiles"]) {
    const Difference apart = difference(
        tile, [&](size_t i) { return normalised(tiles.planes[number * tile + i]); },
        [&](size_t i) { return expected[stored * tile + i]; });
    EXPECT_LE(apart.most, alpha ? 0.02 : 0.0125);
    EXPECT_LE(apart.mean, 0.003);
    ++stored;
  }
}

TEST(Reference, PicturesBecomeTheSameTiles) {
  SKIP_WITHOUT_REFERENCE();
  const nlohmann::json entries = read_test_json(reference_picture("preprocess.json"))["images"];
  const Arrays arrays(reference_picture("preprocess.safetensors"));
  ASSERT_EQ(entries.size(), 47u);
  for (const auto& [name, entry] : entries.items()) {
    SCOPED_TRACE(name + ": " + entry["note"].get<std::string>());
    const bool lossy = entry.contains("decoded");
    // Lossy files are held to exact digests from what Pillow decoded, and their own decoding to a tolerance below.
    Picture picture = decoded(lossy                        ? entry["decoded"]
                              : name == "exif6.jpg#stored" ? entries["exif6.jpg"]["decoded"]
                                                           : entry["file"]);
    if (name == "exif6.jpg#stored") {  // turned back
      const Size size{picture.width, picture.height};
      Picture stored{size.height, size.width, std::vector<uint8_t>(picture.rgb.size())};
      put_rows(picture.rgb.data(), size, 0, place(size, 8), stored);
      picture = std::move(stored);
    }
    EXPECT_EQ((Size{picture.width, picture.height}), (Size{entry["width"], entry["height"]}));
    EXPECT_EQ(digest_of(picture.rgb), entry["rgb_sha256"]);
    const Tiles tiles = cut_tiles(picture, {});
    expect_geometry(entry, tiles);
    EXPECT_EQ(digest_of(tiles.planes), entry["tiles_u8_sha256"]["pillow"]);
    expect_pooled(arrays.values(name + ".pooled"), tiles, 0.006);
    if (arrays.holds(name + ".pixel_values")) expect_pixel_values(entry, arrays.values(name + ".pixel_values"), tiles);
  }
}

TEST(Reference, LossyPicturesAreDecodedAlike) {
  SKIP_WITHOUT_REFERENCE();
  const nlohmann::json entries = read_test_json(reference_picture("preprocess.json"))["images"];
  const Arrays arrays(reference_picture("preprocess.safetensors"));
  int compared = 0;
  for (const auto& [name, entry] : entries.items()) {
    if (!entry.contains("decoded")) continue;
    SCOPED_TRACE(name);
    const Picture own = decoded(entry["file"]), theirs = decoded(entry["decoded"]);
    ASSERT_EQ(own.rgb.size(), theirs.rgb.size());
    const Difference apart = difference(
        own.rgb.size(), [&](size_t i) { return own.rgb[i]; }, [&](size_t i) { return theirs.rgb[i]; });
    EXPECT_LE(apart.most, 3);
    EXPECT_LE(apart.mean, 0.6);
    const Tiles tiles = cut_tiles(own, {});
    expect_geometry(entry, tiles);
    expect_pooled(arrays.values(name + ".pooled"), tiles, 0.01);
    ++compared;
  }
  EXPECT_EQ(compared, 11);
}

TEST(Reference, BrokenFilesAreRefused) {
  SKIP_WITHOUT_REFERENCE();
  const nlohmann::json entries = read_test_json(reference_picture("images/bad/index.json"));
  ASSERT_EQ(entries.size(), 22u);
  for (const auto& [name, entry] : entries.items()) {
    const auto picture = decode(as_file(read_test_file(reference_picture("images/bad/" + name))), kDefaultLimits);
    if (entry["must_refuse"]) {
      EXPECT_FALSE(picture) << name;
    }
    if (!picture) continue;
    EXPECT_LE(picture->rgb.size(), 64u * 48 * 3) << name;
  }
}

}  // namespace
}  // namespace paddock::image
