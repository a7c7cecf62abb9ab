// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.h"
#include "text/load_tokenizer.h"
#include "text/stream_decoder.h"
#include "text/test_data.h"
#include "text/vocabulary_json.h"

namespace paddock::text {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer tiny() { return load_tokenizer(test_data("tiny.json")).value(); }

Result<Tokenizer> tiny_with(const Json& patch) {
  Json file = parse_json(read_test_file(test_data("tiny.json")), "tiny.json").value();
  file.merge_patch(patch);
  return Tokenizer::create(TRY(vocabulary_from_json(file.dump(), "patched")));
}

TEST(Tokenizer, EqualsTheReferenceInEveryVariant) {
  const Json variants = parse_json(read_test_file(test_data("vectors.json")), "vectors.json").value();
  ASSERT_GT(variants.size(), 10u);
  for (const Json& variant : variants) {
    SCOPED_TRACE(variant["name"].get<std::string>());
    const auto tokenizer = tiny_with(variant["patch"]);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    ASSERT_GT(variant["cases"].size(), 30u);
    for (const Json& test_case : variant["cases"]) {
      const auto text = test_case["text"].get<std::string>();
      const Ids plain = test_case["ids"].get<Ids>();
      const Ids parsed = test_case.contains("ids_parsed") ? test_case["ids_parsed"].get<Ids>() : plain;
      EXPECT_EQ(tokenizer->encode(text, Specials::kNone), plain) << text;
      EXPECT_EQ(tokenizer->encode(text, Specials::kAll), parsed) << text;
    }
  }
}

TEST(Tokenizer, DecodingGivesTheTextBack) {
  const Tokenizer tokenizer = tiny();
  for (const std::string text : {"", " a  b\n", "日本語 \U0001F999 e\u0301", "<|eot|> and <|no|>", "\x01\x02\x7F"})
    for (const Specials specials : {Specials::kNone, Specials::kAll})
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, specials), SpecialText::kShow), text);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a<|eot|>b", Specials::kAll), SpecialText::kSkip), "ab");
}

TEST(Tokenizer, IllFormedBytesBecomeReplacementCharacters) {
  const Tokenizer tokenizer = tiny();
  EXPECT_EQ(tokenizer.encode("a\xE2\x82z\xFF", Specials::kNone), tokenizer.encode("a\uFFFDz\uFFFD", Specials::kNone));
  // Two spans of one origin are one text; a character is not put together across origins.
  const Ids whole = tokenizer.encode("\u20AC", Specials::kNone);
  EXPECT_EQ(tokenizer.encode(RenderedText{{"\xE2", false}, {"", true}, {"\x82\xAC", false}}), whole);
  EXPECT_EQ(tokenizer.encode(RenderedText{{"\xE2", true}, {"\x82\xAC", false}}),
            tokenizer.encode("\uFFFD\uFFFD\uFFFD", Specials::kNone));
}

TEST(Tokenizer, SpecialTokensOnlyWhereTheTemplateWroteThem) {
  const Tokenizer tokenizer = tiny();
  const TokenId eot = tokenizer.id_of_special("<|eot|>").value();
  const Ids plain = tokenizer.encode("<|eot|>", Specials::kNone);
  EXPECT_EQ(tokenizer.encode(RenderedText{{"<|eot|>", true}}), Ids{eot});
  EXPECT_EQ(tokenizer.encode(RenderedText{{"<|eot|>", false}}), plain);
  EXPECT_EQ(tokenizer.encode(RenderedText{{"<|eo", true}, {"", false}, {"t|>", true}}), Ids{eot});
  EXPECT_EQ(tokenizer.encode(RenderedText{{"<|eo", true}, {"t|>", false}}), plain);
  EXPECT_EQ(tokenizer.encode(RenderedText{{"<|", false}, {"eot|>", true}}), plain);
  // What a user wrote before it cannot swallow the template's token.
  Ids expected = tokenizer.encode("<|<|eo", Specials::kNone);
  expected.push_back(eot);
  EXPECT_EQ(tokenizer.encode(RenderedText{{"<|<|eo", false}, {"<|eot|>", true}}), expected);
}

TEST(Tokenizer, TextBetweenSpecialTokensIsOnePiece) {
  const Tokenizer tokenizer = tiny();
  const RenderedText rendered = {{"<|header_end|>\n\n", true}, {"\nthe", false}, {"<|eot|>", true}};
  EXPECT_EQ(tokenizer.encode(rendered), tokenizer.encode("<|header_end|>\n\n\nthe<|eot|>", Specials::kAll));
}

TEST(Tokenizer, SpecialTokensAreNeverMadeByMerging) {
  const Ids made_by_merge = tiny().encode("or", Specials::kNone);
  ASSERT_EQ(made_by_merge.size(), 1u);
  const Json as_special = {{"id", made_by_merge[0]}, {"content", "or"}, {"special", true}};
  for (const bool whole_pieces_first : {true, false}) {
    const auto tokenizer = tiny_with(Json{{"added_tokens", {as_special}},
                                          {"post_processor", nullptr},
                                          {"model", {{"ignore_merges", whole_pieces_first}}}});
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ(tokenizer->encode("or", Specials::kAll), made_by_merge);
    EXPECT_EQ(tokenizer->encode("or", Specials::kNone).size(), 2u);
  }
}

TEST(Tokenizer, KnowsItsSpecialTokens) {
  const Tokenizer tokenizer = tiny();
  EXPECT_EQ(tokenizer.vocab_size(), 1024);
  EXPECT_EQ(tokenizer.bos(), 1005);
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_EQ(Ids(tokenizer.stop().begin(), tokenizer.stop().end()), (Ids{1006, 1012, 1013}));
  EXPECT_TRUE(tokenizer.is_special(1013));
  for (const TokenId id : {0, -1, 1024, INT32_MAX}) EXPECT_FALSE(tokenizer.is_special(id));
  EXPECT_EQ(tokenizer.token_bytes(5000), "");
  EXPECT_EQ(tokenizer.id_of_special("the"), std::nullopt);
  EXPECT_EQ(tokenizer.decode(Ids{-1, 5000, 64}, SpecialText::kShow), "a");
}

TEST(Tokenizer, PiecesThatComeAgainBecomeTheSame) {
  // More different words than are remembered, each twice, so that places are shared and taken over.
  for (const bool add_prefix_space : {false, true}) {
    const auto tokenizer = tiny_with(
        Json{{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", true}}}});
    ASSERT_TRUE(tokenizer);
    std::string text;
    Ids expected;
    for (int word = 0; word < 12000; ++word) {
      std::string piece = " ";
      for (int letters = word / 2 % 6000 + 1; letters > 0; letters /= 7) piece += static_cast<char>('s' + letters % 7);
      text += piece;
      const Ids ids = tokenizer->encode(piece, Specials::kNone);
      expected.insert(expected.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(tokenizer->encode(text, Specials::kNone), expected);
  }
}

TEST(Tokenizer, LongRunsTakeNoQuadraticTime) {
  // Each would take hours if its time grew with the square of its length.
#ifdef PADDOCK_SANITIZED
  constexpr size_t kLength = 100'000;
#else
  constexpr size_t kLength = 1'000'000;
#endif
  const std::string texts[] = {std::string(kLength, 'a'),        std::string(kLength, ' '), std::string(kLength, 'A'),
                               std::string(kLength, '\n') + "x", std::string(kLength, '='), std::string(kLength, '<')};
  for (const Json& split : {Json(nullptr), Json{{"type", "ByteLevel"}, {"use_regex", true}},
                            Json{{"type", "ByteLevel"}, {"use_regex", false}}}) {
    const auto tokenizer = split.is_null() ? Result<Tokenizer>(tiny()) : tiny_with(Json{{"pre_tokenizer", split}});
    ASSERT_TRUE(tokenizer);
    for (const std::string& text : texts) {
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, Specials::kAll), SpecialText::kShow), text);
    }
  }
}

TEST(Tokenizer, ThreadsMayShareOne) {
  const Tokenizer tokenizer = tiny();
  const std::string text = read_test_file(test_data("vectors.json"));
  const Ids expected = tokenizer.encode(text, Specials::kAll);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (Ids& result : results) threads.emplace_back([&] { result = tokenizer.encode(text, Specials::kAll); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) EXPECT_EQ(result, expected);
}

TEST(StreamDecoder, HoldsBackUnfinishedCharacters) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xF0\x9F"), "a");
  EXPECT_EQ(stream.push("\xA6"), "");
  EXPECT_EQ(stream.push("\x99z\xE2"), "\U0001F999z");
  EXPECT_EQ(stream.push("x"), "\uFFFDx");
  EXPECT_EQ(stream.push("\x80\xC3"), "\uFFFD");
  EXPECT_EQ(stream.flush(), "\uFFFD");
  EXPECT_EQ(stream.flush(), "");
}

TEST(StreamDecoder, JoinsTokensAndSkipsSpecialOnes) {
  const Tokenizer tokenizer = tiny();
  Ids ids = tokenizer.encode("\U0001F999", Specials::kNone);
  ASSERT_GT(ids.size(), 1u);
  ids.push_back(1013);
  for (const auto& [special_text, last] :
       {std::pair{SpecialText::kShow, "<|eot|>"}, std::pair{SpecialText::kSkip, ""}}) {
    StreamDecoder decoder(tokenizer, special_text);
    std::string text;
    for (size_t index = 0; index + 1 < ids.size(); ++index) text += decoder.push(ids[index]);
    EXPECT_EQ(text, "\U0001F999");
    EXPECT_EQ(decoder.push(ids.back()), last);
    EXPECT_EQ(decoder.flush(), "");
  }
}

}  // namespace
}  // namespace paddock::text
