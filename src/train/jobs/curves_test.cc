// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace paddock::train {
namespace {

using testing::HasSubstr;
using testing::Not;

class CurvesTest : public testing::Test {
 protected:
  std::filesystem::path log(const std::string& text) {
    const auto path = std::filesystem::path(testing::TempDir()) / ("curves" + std::to_string(::getpid()) + ".jsonl");
    std::ofstream(path) << text;
    return path;
  }
};

TEST_F(CurvesTest, AreDrawnFromWhatTheLogSays) {
  const auto panels = read_curves(log(R"({"event":"start","step":0}
{"event":"step","step":1,"loss":4.0,"rate":0.1,"tokens_per_expert":{"1":[3,1]}}
{"event":"step","step":2,"loss":3.0,"rate":0.2,"tokens_per_expert":{"1":[2,2]}}
{"event":"evaluation","step":2,"loss":3.5}
{"event":"step","step":3,"loss":null}
cut off)"));
  ASSERT_TRUE(panels) << panels.error().message;
  ASSERT_EQ(panels->size(), 3u);
  EXPECT_EQ((*panels)[0].curves[2].points[0].y, 3.5);
  EXPECT_EQ((*panels)[2].curves[0].points[0].y, 1.5);
  const std::string svg = svg_of("a <b> & c", "step", *panels);
  EXPECT_THAT(svg, HasSubstr("a &lt;b&gt; &amp; c"));
  EXPECT_THAT(svg, HasSubstr("held out 3.5"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST_F(CurvesTest, WithoutStepsThereIsNothingToDraw) {
  EXPECT_THAT(read_curves(log("{\"event\":\"start\"}\n")).error().message, HasSubstr("at least one step"));
}

TEST_F(CurvesTest, ManyPointsAreThinnedAndOneStandsAlone) {
  Curve many{.name = "m", .points = {}};
  for (int step = 0; step < 100000; ++step) many.points.push_back({static_cast<double>(step), 1.0 / (1 + step)});
  EXPECT_LT(svg_of("", "", {{"", {many}}}).size(), 60000u);
  EXPECT_THAT(svg_of("", "", {{"", {{.name = "one", .points = {{5, 7}}}}}}), HasSubstr("one 7"));
}

}  // namespace
}  // namespace paddock::train
