// SPDX-License-Identifier: Apache-2.0
#include "image/canvas.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "image/test_data.h"

namespace paddock::image {
namespace {

// Sizes at the edges of the rules, and those whose resized size is not what exact arithmetic gives.
TEST(Canvas, AgreesWithTheTables) {
  const nlohmann::json tables = read_test_json(test_picture("expected.json"))["canvas"];
  size_t sizes = 0;
  for (const auto& [name, rows] : tables.items()) {
    TilingRules rules;
    ASSERT_EQ(std::sscanf(name.c_str(), "tile%ld_max%ld", &rules.tile, &rules.most_tiles), 2) << name;
    for (const auto& row : rows) {
      const int64_t width = row["width"], height = row["height"];
      const Canvas canvas = choose_canvas(width, height, rules);
      EXPECT_EQ(canvas, (Canvas{row["rows"], row["cols"]})) << name << ": " << width << " x " << height;
      EXPECT_EQ(resized_size(width, height, canvas, rules), (Size{row["resized_width"], row["resized_height"]}))
          << name << ": " << width << " x " << height;
      ++sizes;
    }
  }
  EXPECT_EQ(sizes, 177u);
}

TEST(Canvas, CountsTheGlobalTile) {
  EXPECT_EQ((Canvas{1, 1}).tiles(), 1);
  EXPECT_EQ((Canvas{1, 2}).tiles(), 3);
  EXPECT_EQ((Canvas{4, 4}).tiles(), 17);
}

TEST(Canvas, HoldsThePictureWhateverItsSize) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    const auto side = [&] { return 1 + static_cast<int64_t>(random() % (round % 2 ? 65'535u : 900u)); };
    const int64_t width = side(), height = side();
    const TilingRules rules{1 + static_cast<int64_t>(random() % 500), 1 + static_cast<int64_t>(random() % 25)};
    const Canvas canvas = choose_canvas(width, height, rules);
    EXPECT_LE(canvas.rows * canvas.columns, rules.most_tiles);
    const Size size = resized_size(width, height, canvas, rules);
    ASSERT_GE(std::min(size.width, size.height), 1);
    ASSERT_LE(size.width, canvas.columns * rules.tile);
    ASSERT_LE(size.height, canvas.rows * rules.tile);
  }
}

}  // namespace
}  // namespace paddock::image
