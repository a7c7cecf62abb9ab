// SPDX-License-Identifier: Apache-2.0
#include "text/long_runs.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paddock::text {
namespace {

// Lengths in characters of the parts that `text` is cut into.
std::vector<size_t> cut(const std::string& text) {
  std::vector<size_t> lengths;
  std::string joined;
  cut_long_runs(text, [&](std::string_view part) {
    size_t characters = 0;
    for (const char byte : part) characters += (byte & 0xC0) != 0x80;
    lengths.push_back(characters);
    joined += part;
  });
  EXPECT_EQ(joined, text);
  return lengths;
}

std::string repeat(const std::string& text, size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

using Lengths = std::vector<size_t>;

TEST(LongRuns, CutsRunsOfSpacesAndOfOthers) {
  EXPECT_EQ(cut(""), Lengths{});
  EXPECT_EQ(cut(std::string(25000, 'a')), (Lengths{25000}));
  EXPECT_EQ(cut(std::string(25001, 'a')), (Lengths{25000, 1}));
  EXPECT_EQ(cut(std::string(60000, ' ')), (Lengths{25000, 25000, 10000}));
  EXPECT_EQ(cut(std::string(20000, 'a') + " " + std::string(20000, 'b')), (Lengths{40001}));
  EXPECT_EQ(cut(repeat("\u00E9", 25001)), (Lengths{25000, 1}));  // characters, not bytes
}

TEST(LongRuns, SpacesAreThoseOfPython) {
  EXPECT_EQ(cut(std::string(20000, 'a') + "\x1C" + std::string(20000, 'a')), (Lengths{40001}));
  EXPECT_EQ(cut(std::string(20000, 'a') + "\u200B" + std::string(20000, 'a')), (Lengths{25000, 15001}));
  EXPECT_EQ(cut(std::string(20000, ' ') + "\x1F\u0085" + std::string(20000, ' ')), (Lengths{25000, 15002}));
}

TEST(LongRuns, ALongRunIsFoundWhereverItStands) {
  for (size_t before = 0; before < 60000; before += 977) {
    const std::string words = repeat("ab ", before / 3);
    const size_t head = before / 3 * 3;
    EXPECT_EQ(cut(words + std::string(25001, 'x') + words), (Lengths{head + 25000, 1 + head})) << before;
    EXPECT_EQ(cut(words + std::string(25000, 'x') + " " + words), (Lengths{head + 25001 + head})) << before;
  }
}

TEST(LongRuns, TextsAreCutAndRunsCountedAnew) {
  EXPECT_EQ(cut(repeat("ab ", 140000)), (Lengths{400000, 20000}));
  // The run of 20,000 that the cut divides does not grow over the limit on either side.
  EXPECT_EQ(cut(repeat("ab ", 130000) + std::string(30000, 'x')), (Lengths{400000, 20000}));
}

}  // namespace
}  // namespace paddock::text
