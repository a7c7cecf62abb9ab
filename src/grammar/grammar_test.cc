// SPDX-License-Identifier: Apache-2.0
// Which texts regular expressions and EBNF grammars allow, and how hostile ones end.

#include "grammar/grammar.h"

#include <gtest/gtest.h>

#include <string>

#include "grammar/test_matcher.h"

namespace paddock::grammar {
namespace {

struct RegexCase {
  const char* pattern;
  std::vector<std::string> yes;
  std::vector<std::string> no;
};

TEST(Regex, WholeTextsMatch) {
  const std::vector<RegexCase> cases = {
      {"abc", {"abc"}, {"ab", "abcd", "xabc", ""}},
      {"^abc$", {"abc"}, {"ab", "abcd"}},
      {"a|b|", {"a", "b", ""}, {"ab", "c"}},
      {"(ab)*c+d?", {"c", "ababcc", "abcd"}, {"ab", "d", "cdd"}},
      {"a{2,3}", {"aa", "aaa"}, {"a", "aaaa"}},
      {"a{2}b{0}c{1,}", {"aac", "aacc"}, {"aa", "aabc"}},
      {"(?:x|yy){2}", {"xx", "xyy", "yyyy"}, {"x", "xxx"}},
      {"(?<name>a)b", {"ab"}, {"a"}},
      {"[a-c\\d_-]+", {"a", "b9_-"}, {"d", ""}},
      {"[^a-c]", {"d", "é", "\n", "😀"}, {"a", "dd"}},
      {".", {"x", "é", "漢", "😀"}, {"\n", "\r", "\xE2\x80\xA8", ""}},
      {"\\w+\\s\\W", {"ab !", "a\xC2\xA0!"}, {"ab!", "é !"}},
      {"\\u00e9\\x41\\u{1F600}\\uD83D\\uDE00", {"éA😀😀"}, {"eA😀😀"}},
      {"\\.\\*\\/\\-\\]", {".*/-]"}, {"a"}},
      {"[é-ü]", {"é", "ö", "ü"}, {"e", "ý", "\xC3"}},
      {"(a*)*b", {"b", "aaab"}, {"a"}},
      {"(a|aa)*?", {"", "aaaaa"}, {"b"}},
      {"(^a|b)c$|d", {"ac", "bc", "d"}, {"abc", "c"}},
      {"\\cJ\\0", {std::string("\n\0", 2)}, {"J0"}},
      {"[^]", {"x", "\n"}, {""}},
      {"(a{1000}){3}", {std::string(3000, 'a')}, {std::string(2999, 'a'), std::string(3001, 'a')}},
  };
  for (const RegexCase& one : cases) {
    const auto grammar = Grammar::from_regex(one.pattern);
    ASSERT_TRUE(grammar.has_value()) << one.pattern << ": " << grammar.error().message;
    for (const std::string& text : one.yes) EXPECT_TRUE(accepts(*grammar, text)) << one.pattern << " on " << text;
    for (const std::string& text : one.no) EXPECT_FALSE(accepts(*grammar, text)) << one.pattern << " on " << text;
  }
}

TEST(Regex, WhatAutomataDoNotHaveIsRefused) {
  for (const char* pattern : {"a(?=b)", "(?!a)", "(?<=a)b", "(a)\\1", "\\bword", "\\p{L}", "(?i)a", "\\k<a>", "\\q"}) {
    const auto grammar = Grammar::from_regex(pattern);
    ASSERT_FALSE(grammar.has_value()) << pattern;
    EXPECT_EQ(grammar.error().code, ErrorCode::kUnsupported) << pattern;
  }
  for (const char* pattern :
       {"(", ")", "a**", "*", "[a", "[z-a]", "a{2,1}", "a{", "\\", "\\u12", "^*", "\xFF", "(?<a", "\\xg"}) {
    const auto grammar = Grammar::from_regex(pattern);
    ASSERT_FALSE(grammar.has_value()) << pattern;
    EXPECT_EQ(grammar.error().code, ErrorCode::kInvalidArgument) << pattern;
  }
}

TEST(Regex, CountsBeyondAllStatesAreCounted) {
  const auto grammar = Grammar::from_regex("(a{1000}){100}b");
  ASSERT_TRUE(grammar.has_value()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, std::string(100'000, 'a') + "b"));
  EXPECT_FALSE(accepts(*grammar, std::string(99'999, 'a') + "b"));
}

TEST(Regex, HostilePatternsEndSoon) {
  const double start = processor_seconds();
  std::string nested(20'000, '(');
  EXPECT_FALSE(Grammar::from_regex(nested + "a" + std::string(20'000, ')')).has_value());
  EXPECT_FALSE(Grammar::from_regex("^((a{1000}){1000}b$|c)").has_value());
  (void)Grammar::from_regex("(.*a){30}.{30}b");
  (void)Grammar::from_regex("(a|b)*a(a|b){40}");
  std::string alternatives;
  for (int i = 0; i < 10'000; ++i) alternatives += "word" + std::to_string(i) + "|";
  const auto many = Grammar::from_regex(alternatives + "end");
  ASSERT_TRUE(many.has_value());
  EXPECT_TRUE(accepts(*many, "word9999"));
  EXPECT_FALSE(accepts(*many, "word10000"));
  EXPECT_LT(processor_seconds() - start, 10 * kTestSlowdown);
}

TEST(Ebnf, TextsOfGrammars) {
  const std::vector<RegexCase> cases = {
      {"root ::= \"a\" \"b\"*", {"a", "abb"}, {"b", ""}},
      {"root ::= item (\",\" item)*\nitem ::= [0-9]+ # digits\n", {"1", "1,22,3"}, {"", "1,", ",1"}},
      {"root ::= expr\nexpr ::= expr [+-] term | term\nterm ::= term [*/] unit | unit\nunit ::= [0-9]+ | \"(\" expr "
       "\")\"",
       {"1", "1+2*3", "(1+(2))*3-4", "12"},
       {"", "+", "1+", "(1", "1)"}},
      {"root ::= \"(\" root \")\" |", {"", "()", "((()))"}, {"(", ")(", "(()"}},
      {"root ::= a b\na ::= \"x\"?\nb ::= \"y\"?", {"", "x", "y", "xy"}, {"yx", "xx"}},
      {"root ::= \"\\n\\t\\\\\\\"\\x41\\u00e9\\U0001F600\"", {"\n\t\\\"Aé😀"}, {"\n\t\\\"Aé"}},
      {"root ::= pair{2,3}\npair ::= \"a\" | \"b\" pair", {"aa", "baa", "aaba"}, {"a", "aaaa"}},
      {"root ::= [^a\\]]{2} .", {"xyz", "xy]", "xy\n"}, {"ayz", "]yz", "xy"}},
      {"root ::= s s | s\ns ::= s s | \"a\"", {"a", "aa", "aaaaaaaaa"}, {"", "b"}},
      {"root ::= a\na ::= b a | \"x\"\nb ::= c\nc ::= \"\"", {"x"}, {"", "xx"}},
      {"root ::= 'it' |\n  \"is\"\n\n# end", {"it", "is"}, {"itis"}},
  };
  for (const RegexCase& one : cases) {
    const auto grammar = Grammar::from_ebnf(one.pattern);
    ASSERT_TRUE(grammar.has_value()) << one.pattern << ": " << grammar.error().message;
    for (const std::string& text : one.yes) EXPECT_TRUE(accepts(*grammar, text)) << one.pattern << " on " << text;
    for (const std::string& text : one.no) EXPECT_FALSE(accepts(*grammar, text)) << one.pattern << " on " << text;
  }
}

TEST(Ebnf, ErrorsNameThePlace) {
  const auto undefined = Grammar::from_ebnf("root ::= \"a\" missing");
  ASSERT_FALSE(undefined.has_value());
  EXPECT_NE(undefined.error().message.find("'missing' at byte 13"), std::string::npos) << undefined.error().message;
  for (const char* text : {"", "a ::= \"x\"", "root ::= (\"a\"", "root ::= \"a", "root ::= [a", "root \"a\"",
                           "root ::= )", "root ::= \"a\"{3,1}", "root ::= \"\\q\"", "root ::= \"a\"\nroot ::= \"b\"",
                           "root ::= \"\xFF\"", "root ::= @", "root ::= \"a\"{", "root ::= *"})
    EXPECT_FALSE(Grammar::from_ebnf(text).has_value()) << text;
  // Rules without an end.
  for (const char* text : {"root ::= root", "root ::= \"a\" root", "root ::= a\na ::= b\nb ::= a", "root ::= []"})
    EXPECT_FALSE(Grammar::from_ebnf(text).has_value()) << text;
}

TEST(Ebnf, HostileGrammarsEndSoon) {
  const double start = processor_seconds();
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 5'000; ++i)
    chain += "r" + std::to_string(i) + " ::= \"a\" r" + std::to_string(i + 1) + " | \"b\"\n";
  const auto chained = Grammar::from_ebnf(chain + "r5000 ::= \"c\"");
  ASSERT_TRUE(chained.has_value()) << chained.error().message;
  EXPECT_TRUE(accepts(*chained, std::string(5'000, 'a') + "c"));
  EXPECT_FALSE(accepts(*chained, std::string(5'001, 'a') + "c"));
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 60; ++i)
    doubling += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " r" + std::to_string(i + 1) + "\n";
  const auto doubled = Grammar::from_ebnf(doubling + "r60 ::= \"a\"");
  ASSERT_TRUE(doubled.has_value()) << doubled.error().message;
  EXPECT_FALSE(accepts(*doubled, "aaaa"));
  EXPECT_FALSE(Grammar::from_ebnf("root ::= " + std::string(50'000, '(') + "\"a\"").has_value());
  EXPECT_FALSE(Grammar::from_ebnf("root ::= \"a\"" + std::string(50'000, '*')).has_value());
  // As ambiguous as can be.
  const auto ambiguous = Grammar::from_ebnf("root ::= s\ns ::= s s s | s s | \"a\" |");
  ASSERT_TRUE(ambiguous.has_value()) << ambiguous.error().message;
  EXPECT_TRUE(accepts(*ambiguous, std::string(100, 'a')));
  const auto counted = Grammar::from_ebnf("root ::= (\"a\" | \"aa\" | \"aaa\"){1000,2000}");
  ASSERT_TRUE(counted.has_value()) << counted.error().message;
  EXPECT_TRUE(accepts(*counted, std::string(1'500, 'a')));
  EXPECT_FALSE(accepts(*counted, std::string(999, 'a')));
  EXPECT_LT(processor_seconds() - start, 10 * kTestSlowdown);
}

}  // namespace
}  // namespace paddock::grammar
