// SPDX-License-Identifier: Apache-2.0
#include "image/orientation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paddock::image {
namespace {

using namespace std::string_literals;

int orientation_of(const std::string& exif) { return read_orientation(std::as_bytes(std::span(exif))); }

// A picture of 3 x 2 with the stored pixels a b c / d e f.
std::string upright(int orientation) {
  const std::string stored = "abcdef";
  std::vector<uint8_t> rows;
  for (const char pixel : stored) rows.insert(rows.end(), 3, static_cast<uint8_t>(pixel));
  const Size size = upright_size({3, 2}, orientation);
  Picture picture{size.width, size.height, std::vector<uint8_t>(rows.size())};
  for (int64_t y = 0; y < 2; ++y)  // row by row, as most decoders have them
    put_rows(rows.data() + y * 9, {3, 1}, y, place({3, 2}, orientation), picture);
  Picture at_once{size.width, size.height, std::vector<uint8_t>(rows.size())};
  put_rows(rows.data(), {3, 2}, 0, place({3, 2}, orientation), at_once);
  EXPECT_EQ(picture.rgb, at_once.rgb);
  std::string shown;
  for (size_t i = 0; i < picture.rgb.size(); i += 3) {
    if (i > 0 && i / 3 % static_cast<size_t>(size.width) == 0) shown += '/';
    shown += static_cast<char>(picture.rgb[i]);
  }
  return shown;
}

TEST(Orientation, TurnsThePixels) {
  EXPECT_EQ(upright(1), "abc/def");
  EXPECT_EQ(upright(2), "cba/fed");
  EXPECT_EQ(upright(3), "fed/cba");
  EXPECT_EQ(upright(4), "def/abc");
  EXPECT_EQ(upright(5), "ad/be/cf");
  EXPECT_EQ(upright(6), "da/eb/fc");
  EXPECT_EQ(upright(7), "fc/eb/da");
  EXPECT_EQ(upright(8), "cf/be/ad");
}

const std::string kLittle = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s;
const std::string kBig = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"s;

TEST(Orientation, IsReadInBothByteOrders) {
  EXPECT_EQ(orientation_of(kLittle), 6);
  EXPECT_EQ(orientation_of(kBig), 6);
  EXPECT_EQ(orientation_of("Exif\0\0"s + kLittle), 6);
  EXPECT_EQ(orientation_of("Exif\0\0"s + kBig), 6);
}

TEST(Orientation, IsOneWhereTheDataMakeNoSense) {
  for (const std::string& whole : {kLittle, kBig}) {
    const size_t needed = whole.size() - 4;  // what follows the directory is not asked
    for (size_t length = 0; length <= needed; ++length) EXPECT_EQ(orientation_of(whole.substr(0, length)), 1) << length;
  }
  for (const char value : {'\0', '\x09', '\x7f'}) {
    std::string exif = kLittle;
    exif[18] = value;
    EXPECT_EQ(orientation_of(exif), 1);
  }
  std::string elsewhere = kLittle;
  elsewhere[4] = '\x7f';  // the directory lies behind the end
  EXPECT_EQ(orientation_of(elsewhere), 1);
  EXPECT_EQ(orientation_of(""), 1);
  EXPECT_EQ(orientation_of("Exif\0\0"s), 1);
}

}  // namespace
}  // namespace paddock::image
