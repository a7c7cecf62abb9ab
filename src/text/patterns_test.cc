// SPDX-License-Identifier: Apache-2.0
#include "text/patterns.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "text/split.h"

namespace paddock::text {
namespace {

using Pieces = std::vector<std::string>;

Pieces pieces_of(const Splitter& splitter, std::string_view text) {
  Pieces pieces;
  splitter.split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

Pieces pieces_of(SplitStep step, std::string_view text) {
  return pieces_of(Splitter::create({std::move(step)}).value(), text);
}

TEST(Patterns, O200kSplitsWordsWhereCapitalsBegin) {
  const SplitStep o200k = split_step_of_pattern(kO200kPattern);
  ASSERT_EQ(o200k.kind, SplitKind::kO200k);
  EXPECT_EQ(pieces_of(o200k, "CamelCase HTTPServer's 1234"),
            (Pieces{"Camel", "Case", " HTTPServer's", " ", "123", "4"}));
  EXPECT_EQ(pieces_of(o200k, "a\n\n  b  "), (Pieces{"a", "\n\n", " ", " b", "  "}));
  EXPECT_EQ(pieces_of(o200k, "//x /\n/"), (Pieces{"//", "x", " /\n/"}));
  EXPECT_EQ(pieces_of(o200k, "\u0301ABC"), (Pieces{"\u0301", "ABC"}));  // a mark leads no capitals
  EXPECT_EQ(pieces_of(o200k, "\u0301ABc"), (Pieces{"\u0301ABc"}));
  EXPECT_EQ(pieces_of(o200k, "ABªCD"), (Pieces{"ABª", "CD"}));  // back to the last that is also lower-case
  EXPECT_EQ(pieces_of(o200k, "it'\u017Fx"), (Pieces{"it'\u017F", "x"}));
}

TEST(Patterns, Llama3TakesContractionsFirst) {
  const SplitStep llama3 = split_step_of_pattern(kLlama3Pattern);
  EXPECT_EQ(pieces_of(llama3, "I'LL say 'tis 12345"), (Pieces{"I", "'LL", " say", " '", "tis", " ", "123", "45"}));
  EXPECT_EQ(pieces_of(split_step_of_pattern(kQwen2Pattern), "x12"), (Pieces{"x", "1", "2"}));
}

TEST(Patterns, Gpt2AndDigits) {
  EXPECT_EQ(pieces_of(split_step_of_pattern(kGpt2Pattern), "I'LL 12345  x"),
            (Pieces{"I", "'", "LL", " 12345", " ", " x"}));
  EXPECT_EQ(pieces_of({.kind = SplitKind::kSingleDigits}, "ab12c"), (Pieces{"ab", "1", "2", "c"}));
  EXPECT_EQ(pieces_of({.kind = SplitKind::kDigitRuns}, "ab12c"), (Pieces{"ab", "12", "c"}));
  // The digits are cut off first, so that the blanks before them are at an end.
  const auto smollm = Splitter::create({{.kind = SplitKind::kSingleDigits}, {.kind = SplitKind::kGpt2}});
  EXPECT_EQ(pieces_of(*smollm, "a  12"), (Pieces{"a", "  ", "1", "2"}));
}

// Characters that every Unicode version of the last years puts in the same class, some of each.
std::string random_text(std::mt19937& random) {
  static const Pieces kParts = {"'s",     "'S",     "'\u017F", "'ll",    "'Ve",        "'",      " ",
                                "  ",     "\n",     "\r",      "\t",     "a",          "B",      "\u00E9",
                                "\u00C9", "\u01C5", "\u02B0",  "\u00AA", "\u4E2D",     "\u0301", "\u0903",
                                "1",      "\u0663", "\u00BD",  "\u2167", ".",          "/",      "!",
                                "\u00A0", "\u2028", "\u0085",  "\u200B", "\U0001F600", "x"};
  std::string text;
  for (size_t count = random() % 12 + 1; count > 0; --count) text += kParts[random() % kParts.size()];
  return text;
}

TEST(Patterns, MatchedByHandAsByTheRegularExpression) {
  std::mt19937 random(7);
  for (const std::string_view pattern : {kO200kPattern, kLlama3Pattern, kQwen2Pattern, kGpt2Pattern}) {
    const Splitter by_hand = Splitter::create({split_step_of_pattern(pattern)}).value();
    const Splitter by_regex = Splitter::create({{.kind = SplitKind::kRegex, .pattern = std::string(pattern)}}).value();
    for (int trial = 0; trial < 5000; ++trial) {
      const std::string text = random_text(random);
      ASSERT_EQ(pieces_of(by_hand, text), pieces_of(by_regex, text)) << pattern << "\n" << text;
    }
  }
}

TEST(Patterns, PiecesOfAnyTextJoinToIt) {
  std::mt19937 random(8);
  for (const SplitKind kind :
       {SplitKind::kO200k, SplitKind::kLlama3, SplitKind::kGpt2, SplitKind::kSingleDigits, SplitKind::kDigitRuns}) {
    const Splitter splitter = Splitter::create({{.kind = kind}}).value();
    for (int trial = 0; trial < 500; ++trial) {
      std::string text;
      for (int count = 0; count < 20; ++count) append_utf8(text, static_cast<char32_t>(random() % 0xD800));
      std::string joined;
      splitter.split(text, [&](std::string_view piece) {
        EXPECT_FALSE(piece.empty());
        joined += piece;
      });
      ASSERT_EQ(joined, text);
    }
  }
}

TEST(RegexSplit, RefusesWhatDoesNotCompile) {
  const auto broken = Splitter::create({{.kind = SplitKind::kRegex, .pattern = "(a"}});
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("\"(a\""), std::string::npos) << broken.error().message;
  EXPECT_FALSE(Splitter::create({{.kind = SplitKind::kRegex, .pattern = std::string(1 << 17, 'a')}}));
  EXPECT_FALSE(Splitter::create({{.kind = SplitKind::kRegex, .pattern = "\\C"}}));
}

TEST(RegexSplit, ReadsEscapesAsOnigurumaDoes) {
  const auto split = [](std::string pattern, std::string_view text) {
    return pieces_of({.kind = SplitKind::kRegex, .pattern = std::move(pattern), .keep_gaps = false}, text);
  };
  EXPECT_EQ(split(R"(\s+)", "a \u180E\u00A0b"), (Pieces{" ", "\u00A0"}));
  EXPECT_EQ(split(R"(\S+)", "a\u180E b"), (Pieces{"a\u180E", "b"}));
  EXPECT_EQ(split(R"([^\s\]]+)", "a]\u180E b"), (Pieces{"a", "\u180E", "b"}));
  EXPECT_EQ(split(R"([]\w]+)", "a\u0301]\u00BD_"), (Pieces{"a\u0301]", "_"}));
  EXPECT_EQ(split(R"([[:digit:]\h]+\W)", "1f:g:"), (Pieces{"1f:"}));
  EXPECT_EQ(split(R"(\\s)", R"(a\s)"), (Pieces{R"(\s)"}));
  EXPECT_EQ(split("^a$", "a\nb\na"), (Pieces{"a", "a"}));
}

TEST(RegexSplit, EmptyMatchesCutWithoutAPiece) {
  EXPECT_EQ(pieces_of({.kind = SplitKind::kRegex, .pattern = "b*"}, "a\u00E9bbc"), (Pieces{"a", "\u00E9", "bb", "c"}));
  EXPECT_EQ(pieces_of({.kind = SplitKind::kRegex, .pattern = "(?=b)"}, "ab"), (Pieces{"a", "b"}));
}

TEST(RegexSplit, APatternThatExplodesLeavesTheRestWhole) {
  const std::string text = "b" + std::string(5000, 'a') + "!";
  const SplitStep step{.kind = SplitKind::kRegex, .pattern = "b|(a+)+$"};
  const Pieces pieces = pieces_of(step, text);
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  EXPECT_EQ(joined, text);
  EXPECT_EQ(pieces.front(), "b");
}

}  // namespace
}  // namespace paddock::text
