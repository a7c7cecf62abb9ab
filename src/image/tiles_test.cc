// SPDX-License-Identifier: Apache-2.0
#include "image/tiles.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "image/resizer.h"

namespace paddock::image {
namespace {

Picture drawn(int64_t width, int64_t height) {
  Picture picture{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  for (size_t i = 0; i < picture.rgb.size(); ++i) picture.rgb[i] = static_cast<uint8_t>(1 + i * i % 255);
  return picture;
}

uint8_t sample(const Tiles& tiles, int64_t tile, int64_t channel, int64_t y, int64_t x) {
  return tiles.planes[static_cast<size_t>(((tile * 3 + channel) * tiles.tile + y) * tiles.tile + x)];
}

TEST(Tiles, APictureThatFitsIsCopiedAndPaddedWithZero) {
  const Picture picture = drawn(50, 20);
  const Tiles tiles = cut_tiles(picture, {.tile = 20, .most_tiles = 4});
  ASSERT_EQ(tiles.canvas, (Canvas{1, 3}));
  ASSERT_EQ(tiles.planes.size(), 4u * 3 * 20 * 20);
  for (int64_t y = 0; y < 20; ++y)
    for (int64_t x = 0; x < 60; ++x)
      for (int64_t channel = 0; channel < 3; ++channel)
        ASSERT_EQ(sample(tiles, x / 20, channel, y, x % 20),
                  x < 50 ? picture.rgb[static_cast<size_t>((y * 50 + x) * 3 + channel)] : 0);
}

TEST(Tiles, TheGlobalTileIsTheLast) {
  const TilingRules rules{.tile = 28, .most_tiles = 16};
  const Picture picture = drawn(101, 57);
  const Tiles tiles = cut_tiles(picture, rules);
  const Tiles whole = global_tile(picture, rules);
  EXPECT_EQ(whole.canvas, (Canvas{1, 1}));
  EXPECT_EQ(whole.planes.size(), 3u * 28 * 28);
  ASSERT_TRUE(tiles.canvas.has_global_tile());
  EXPECT_TRUE(std::equal(whole.planes.rbegin(), whole.planes.rend(), tiles.planes.rbegin()));
}

// The ring of kept rows gives what two whole passes give.
TEST(Resizer, IsWidthFirstAndThenHeight) {
  for (const Size size : {Size{40, 30}, {7, 90}, {200, 5}, {61, 33}, {61, 10}, {9, 33}, {300, 300}, {1, 1}}) {
    const Picture picture = drawn(61, 33);
    Picture wide{size.width, 33, {}};
    Resizer across(picture, {size.width, 33}, kPlainLoops);
    for (int64_t y = 0; y < 33; ++y) {
      const uint8_t* const row = across.next_row();
      wide.rgb.insert(wide.rgb.end(), row, row + size.width * 3);
    }
    Resizer down(wide, size, kPlainLoops), both(picture, size, best_loops());
    for (int64_t y = 0; y < size.height; ++y) {
      const uint8_t* const expected = down.next_row();
      const uint8_t* const row = both.next_row();
      ASSERT_TRUE(std::equal(row, row + size.width * 3, expected)) << size.width << " x " << size.height << ": " << y;
    }
  }
}

}  // namespace
}  // namespace paddock::image
