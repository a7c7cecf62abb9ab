// SPDX-License-Identifier: Apache-2.0
// What is found when lines of a log are changed, taken away, put in, moved and written anew.

#include "server/audit/chain_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace paddock::server::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

using Lines = std::vector<std::string>;  // without newlines

// A chain of `count` records whose members are `text`.
Lines chain(int count, const std::string& text = "x", Link last = {}) {
  Lines lines;
  for (int index = 0; index < count; ++index) {
    std::string line =
        next_line("{\"text\":\"" + text + std::to_string(index) + "\"}", 1'700'000'000'000'000'000, &last);
    line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

Link link_of(const std::string& line) {
  const auto link = read_link(line);
  EXPECT_TRUE(link && link->is_intact) << line;
  return {link->sequence, link->hash};
}

std::vector<std::string> check(const Lines& lines, std::optional<Link> head = {}, bool begins_anywhere = false) {
  ChainChecker checker(begins_anywhere);
  if (head) checker.expect(*head);
  int64_t number = 0;
  for (const std::string& line : lines) checker.feed(line, "line " + std::to_string(++number));
  checker.finish(0);
  std::vector<std::string> found;
  for (const Finding& finding : checker.findings())
    found.push_back(std::string(name_of(finding.kind)) + " " + std::to_string(finding.sequence));
  return found;
}

TEST(Record, ALineIsJsonAndItsOwnWitness) {
  const Lines lines = chain(2);
  EXPECT_EQ(lines[0].substr(0, 63), R"({"sequence":1,"time":"2023-11-14T22:13:20.000000000Z","text":"x)");
  EXPECT_TRUE(parse_json(lines[0], "line"));
  EXPECT_EQ(read_link(lines[0])->previous, Digest{});
  EXPECT_EQ(read_link(lines[1])->previous, read_link(lines[0])->hash);
  for (const char* text : {"", "{}", "{\"sequence\":", "{\"sequence\":1,"}) EXPECT_FALSE(read_link(text));
}

TEST(ChainChecker, AWholeChain) {
  const Lines lines = chain(5);
  EXPECT_THAT(check(lines), IsEmpty());
  EXPECT_THAT(check(lines, link_of(lines[4])), IsEmpty());
  EXPECT_THAT(check(lines, link_of(lines[2])), IsEmpty());  // still being written
  EXPECT_THAT(check({lines.begin() + 2, lines.end()}, {}, true), IsEmpty());
  EXPECT_THAT(check({}), IsEmpty());
}

TEST(ChainChecker, EveryChangedByteIsFoundAtItsRecord) {
  const Lines lines = chain(4);
  const Link head = link_of(lines[3]);
  for (size_t record = 0; record < lines.size(); ++record)
    for (size_t place = 0; place < lines[record].size(); ++place)
      for (const int flip : {1, 0x20, 0x80}) {
        Lines changed = lines;
        changed[record][place] = static_cast<char>(changed[record][place] ^ flip);
        ASSERT_THAT(check(changed, head), ElementsAre("changed " + std::to_string(record + 1))) << changed[record];
      }
}

TEST(ChainChecker, MissingRecords) {
  const Lines lines = chain(6);
  const Link head = link_of(lines[5]);
  EXPECT_THAT(check({lines[0], lines[1], lines[4], lines[5]}, head), ElementsAre("missing 3"));
  EXPECT_THAT(check({lines[1], lines[2], lines[3], lines[4], lines[5]}, head), ElementsAre("missing 1"));
  EXPECT_THAT(check({lines[0], lines[2], lines[3], lines[5]}, head), ElementsAre("missing 2", "missing 5"));
  EXPECT_THAT(check({lines[0], lines[1], lines[2], lines[3]}, head), ElementsAre("cut off 5"));
  EXPECT_THAT(check({}, head), ElementsAre("cut off 1"));
  EXPECT_THAT(check({lines[0], lines[1], lines[2], lines[3]}), IsEmpty());  // without a head nobody can tell
  EXPECT_THAT(check({lines[2], lines[4]}, {}, true), ElementsAre("missing 4"));
}

TEST(ChainChecker, InsertedLines) {
  const Lines lines = chain(4);
  const Link head = link_of(lines[3]);
  EXPECT_THAT(check({lines[0], "{}", lines[1], lines[2], lines[3]}, head), ElementsAre("inserted 1"));
  EXPECT_THAT(check({lines[0], "", "", lines[1], lines[2], lines[3]}, head), ElementsAre("inserted 1", "inserted 1"));
  EXPECT_THAT(check({lines[0], lines[1], lines[1], lines[2], lines[3]}, head), ElementsAre("inserted 2"));
  EXPECT_THAT(check({lines[0], lines[1], lines[2], lines[3], "more"}, head), ElementsAre("inserted 4"));
  // Of another log, whole in itself.
  const Lines others = chain(9, "y");
  EXPECT_THAT(check({lines[0], others[1], lines[1], lines[2], lines[3]}, head), ElementsAre("inserted 2"));
  EXPECT_THAT(check({lines[0], others[8], lines[1], lines[2], lines[3]}, head), ElementsAre("inserted 9"));
  // Made to fit the record before.
  const Lines forged = chain(1, "z", link_of(lines[0]));
  EXPECT_THAT(check({lines[0], forged[0], lines[1], lines[2], lines[3]}, head), Contains("inserted 2"));
}

TEST(ChainChecker, ChangedLinesAreToldFromInsertedAndMissingOnes) {
  const Lines lines = chain(6);
  EXPECT_THAT(check({lines[0], "?", lines[2], lines[3]}), ElementsAre("changed 2"));
  EXPECT_THAT(check({lines[0], "?", lines[3], lines[4]}), ElementsAre("changed 2", "missing 3"));
  EXPECT_THAT(check({lines[0], "?", "?", lines[2]}), ElementsAre("changed 2", "inserted 2"));
  EXPECT_THAT(check({lines[0], "?"}, link_of(lines[3])), ElementsAre("changed 2", "cut off 3"));
  EXPECT_THAT(check({"?", lines[1]}), ElementsAre("changed 1"));
}

TEST(ChainChecker, MovedRecords) {
  const Lines lines = chain(6);
  const Link head = link_of(lines[5]);
  EXPECT_THAT(check({lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]}, head), ElementsAre("reordered 3"));
  EXPECT_THAT(check({lines[0], lines[4], lines[1], lines[2], lines[3], lines[5]}, head), ElementsAre("reordered 5"));
  EXPECT_THAT(check({lines[1], lines[2], lines[3], lines[4], lines[5], lines[0]}, head), ElementsAre("reordered 1"));
  EXPECT_THAT(check({lines[5], lines[4], lines[3], lines[2], lines[1], lines[0]}, head),
              ElementsAre("reordered 1", "reordered 2", "reordered 3", "reordered 4", "reordered 5"));
}

TEST(ChainChecker, RecordsWrittenAnewWithHashesThatFit) {
  const Lines lines = chain(5);
  // One record, without those behind it.
  Lines forged = lines;
  forged[2] = chain(1, "z", link_of(lines[1]))[0];
  EXPECT_THAT(check(forged, link_of(lines[4])), ElementsAre("replaced 3"));
  // All from there on: the chain is whole, and its end is not the head's.
  const Lines anew = chain(3, "z", link_of(lines[1]));
  forged = {lines[0], lines[1], anew[0], anew[1], anew[2]};
  EXPECT_THAT(check(forged), IsEmpty());
  EXPECT_THAT(check(forged, link_of(lines[4])), ElementsAre("replaced 5"));
}

TEST(ChainChecker, AHashThatWasKeptElsewhere) {
  const Lines lines = chain(5), others = chain(5, "y");
  for (const auto& [kept, place] : {std::pair(lines[3], std::optional<int64_t>(4)), {others[3], std::nullopt}}) {
    ChainChecker checker;
    checker.expect_hash(link_of(kept).hash);
    for (const std::string& line : lines) checker.feed(line, "");
    checker.finish(0);
    EXPECT_EQ(checker.wanted_at(), place);
  }
}

TEST(ChainChecker, FindingsAreBounded) {
  ChainChecker checker;
  const Lines lines = chain(1);
  for (int index = 0; index < 5000; ++index) checker.feed(index % 2 == 0 ? lines[0] : "?", "");
  checker.finish(12);
  EXPECT_EQ(checker.findings().size(), ChainChecker::kMostFindings);
  EXPECT_GT(checker.findings_left_out(), 3000u);
}

}  // namespace
}  // namespace paddock::server::audit
