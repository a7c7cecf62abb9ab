// SPDX-License-Identifier: Apache-2.0
#include "text/stop_strings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace paddock::text {
namespace {

struct Heard {
  std::string text;
  bool found;
  bool operator==(const Heard&) const = default;
};

// The text in one piece, and what a listener hears in all.
Heard hear(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopStrings stop_strings(stops);
  std::string heard;
  for (const std::string& piece : pieces) heard += stop_strings.push(piece);
  heard += stop_strings.flush();
  return {heard, stop_strings.found()};
}

// The rule spelled out: the first end of any stop string, and there the earliest beginning.
Heard hear_plainly(const std::vector<std::string>& stops, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops)
      if (!stop.empty() && stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0)
        longest = std::max(longest, stop.size());
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

TEST(StopStrings, HoldsBackOnlyWhatMayBeginAStop) {
  StopStrings stop_strings({"STOP"});
  EXPECT_EQ(stop_strings.push("one S"), "one ");
  EXPECT_EQ(stop_strings.push("T"), "");
  EXPECT_EQ(stop_strings.push("ST"), "ST");  // "STST": the first half can no longer be a stop
  EXPECT_FALSE(stop_strings.found());
  EXPECT_EQ(stop_strings.push("OP and more"), "");
  EXPECT_TRUE(stop_strings.found());
  EXPECT_EQ(stop_strings.push("STOP"), "");
  EXPECT_EQ(stop_strings.flush(), "");
}

TEST(StopStrings, GivesWhatWasHeldAtTheEnd) {
  EXPECT_EQ(hear({"\n\nUser:"}, {"answer\n", "\nUs"}), (Heard{"answer\n\nUs", false}));
}

TEST(StopStrings, WithoutStopsEverythingPassesAtOnce) {
  for (const std::vector<std::string>& stops : {std::vector<std::string>{}, {""}}) {
    StopStrings stop_strings(stops);
    EXPECT_EQ(stop_strings.push("all of it"), "all of it");
    EXPECT_FALSE(stop_strings.found());
  }
}

TEST(StopStrings, FirstCompleteAndThereTheLongest) {
  EXPECT_EQ(hear({"abc", "b"}, {"xabcx"}), (Heard{"xa", true}));
  EXPECT_EQ(hear({"c", "bc", "xx"}, {"abc"}), (Heard{"a", true}));
}

TEST(StopStrings, OverlappingPrefixes) {
  EXPECT_EQ(hear({"aabaaa"}, {"aabaabaaab"}), (Heard{"aab", true}));
  EXPECT_EQ(hear({"é!"}, {"é", "é", "!"}), (Heard{"é", true}));
}

TEST(StopStrings, CutsDoNotMatter) {
  std::mt19937 random(7);
  const auto draw = [&](size_t least, size_t most) {
    std::string text(least + random() % (most - least + 1), 'a');
    for (char& letter : text) letter = static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> stops;
    for (size_t count = random() % 4; count > 0; --count) stops.push_back(draw(1, 7));
    const std::string text = draw(0, 24);
    std::vector<std::string> pieces;
    for (size_t begin = 0; begin < text.size();) {
      const size_t length = random() % 5;
      pieces.push_back(text.substr(begin, length));
      begin += length;
    }
    ASSERT_EQ(hear(stops, pieces), hear_plainly(stops, text)) << text;
  }
}

}  // namespace
}  // namespace paddock::text
