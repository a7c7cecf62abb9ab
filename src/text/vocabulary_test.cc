// SPDX-License-Identifier: Apache-2.0
// The files and metadata that a vocabulary comes from: what is read, and what is refused with which words.

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "text/llama_specials.h"
#include "text/load_tokenizer.h"
#include "text/test_data.h"
#include "text/tokenizer_config.h"
#include "text/vocabulary_gguf.h"
#include "text/vocabulary_json.h"
#include "text/vocabulary_ranks.h"

namespace paddock::text {
namespace {

using Ids = std::vector<TokenId>;

Json tiny_json() { return parse_json(read_test_file(test_data("tiny.json")), "tiny.json").value(); }

std::string refusal(const Result<Vocabulary>& vocabulary) {
  return vocabulary ? "it was accepted" : vocabulary.error().message;
}

#define EXPECT_REFUSAL(vocabulary, words) \
  EXPECT_NE(refusal(vocabulary).find(words), std::string::npos) << refusal(vocabulary)

// tokenizer.json

TEST(VocabularyJson, RefusesByNameWhatItDoesNotDo) {
  // Merge patches of tiny.json, and words of the refusal.
  const std::pair<const char*, const char*> cases[] = {
      {R"({"normalizer": {"type": "NFC"}})", "normalizer asks for \"NFC\""},
      {R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]}})", "\"NFKC\""},
      {R"({"pre_tokenizer": null})", "no ByteLevel"},
      {R"({"pre_tokenizer": {"pretokenizers": [{"type": "Digits"}]}})", "no ByteLevel"},
      {R"({"pre_tokenizer": {"pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]}})",
       "Digits after ByteLevel"},
      {R"({"pre_tokenizer": {"type": "Metaspace"}})", "\"Metaspace\""},
      {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "MergedWithNext"}})",
       "\"MergedWithNext\""},
      {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Glob": "a"}}})", "\"Glob\""},
      {R"({"decoder": {"type": "WordPiece"}})", "\"WordPiece\""},
      {R"({"post_processor": {"type": "BertProcessing"}})", "\"BertProcessing\""},
      {R"({"post_processor": {"special_tokens": {"<|begin_of_text|>": {"ids": [1, 2]}}}})", "post_processor gives"},
      {R"({"model": {"type": "Unigram"}})", "\"Unigram\""},
      {R"({"model": {"dropout": 0.1}})", "dropout 0.1"},
      {R"({"model": {"byte_fallback": true}})", "byte_fallback true"},
      {R"({"model": {"end_of_word_suffix": "</w>"}})", "</w>"},
      {R"({"model": {"continuing_subword_prefix": "##"}})", "##"},
      {R"({"model": {"unk_token": "<unk>"}})", "\"<unk>\""},
      {R"({"model": {"merges": ["a b c"]}})", "merge 0 is \"a b c\""},
      {R"({"model": {"merges": [["a"]]}})", "1 sides"},
      {R"({"model": {"merges": [["a", "日"]]}})", "not written in the byte-level alphabet"},
      {R"({"model": {"merges": [["q", "q"], ["a", "qq"]]}})", "merge 0"},
      {R"({"model": {"merges": [1]}})", "model.merges holds"},
      {R"({"model": {"vocab": {"zzz": 5}}})", "both have id 5"},
      {R"({"model": {"vocab": {"zzz": -1}}})", "id -1"},
      {R"({"model": {"vocab": {"zzz": 1e9}}})", "model.vocab holds"},
      {R"({"model": {"vocab": {"zzz": 99999999}}})", "id 99999999"},
      {R"({"model": {"vocab": {"zzz": 18446744073709551615}}})", "\"zzz\" has id"},
      {R"({"model": {"vocab": {"zzz": [1]}}})", "model.vocab holds an array"},
      {R"({"model": {"vocab": {"zzz": "x"}}})", "no number as its id"},
      {R"({"added_tokens": [{"id": 3, "content": "x"}]})", "among the added tokens"},
      {R"({"added_tokens": [{"id": 1005}]})", "\"content\""},
      {R"({"added_tokens": [{"id": -2, "content": "<x>"}]})", "added_tokens"},
      {R"({"added_tokens": [{"id": 2000, "content": "<x>", "single_word": true}]})", "single_word"},
      {R"({"added_tokens": [{"id": 2000, "content": "<x>"}, {"id": 2000, "content": "<y>"}]})", "id 2000 twice"},
      {R"({"added_tokens": [{"id": 2000, "content": "a"}]})", "\"a\" has id"},
  };
  for (const auto& [patch, words] : cases) {
    SCOPED_TRACE(patch);
    Json file = tiny_json();
    file.merge_patch(Json::parse(patch));
    const auto vocabulary = vocabulary_from_json(file.dump(), "some.json");
    EXPECT_REFUSAL(vocabulary, words);
    EXPECT_TRUE(refusal(vocabulary).starts_with("some.json: ")) << refusal(vocabulary);
  }
}

TEST(VocabularyJson, RefusesWhatIsNoTokenizer) {
  for (const char* file : {"", "{", "[]", "7", "{} x", "{\"model\": 3}", "{\"model\":{\"vocab\":[]}}", "\xFF",
                           "{\"a\":{\"b\":1,\"b\":2}}"})
    EXPECT_FALSE(vocabulary_from_json(file, "x")) << file;
  EXPECT_REFUSAL(vocabulary_from_json(std::string(100, '['), "x"), "nested deeper");
  Json keys;
  for (int key = 0; key < 600; ++key) keys[std::to_string(key)] = key;
  EXPECT_REFUSAL(vocabulary_from_json(Json{{"x", keys}}.dump(), "x"), "more than 512 keys");
  EXPECT_REFUSAL(vocabulary_from_json(R"({"a": 1, "a": 2})", "x"), "\"a\" twice");
}

TEST(VocabularyJson, MergesMayBeTextsOrPairsAndStandBeforeTheTokens) {
  Json file = tiny_json();
  const auto from_pairs = vocabulary_from_json(file.dump(), "x").value();
  Json texts;
  for (const Json& merge : file["model"]["merges"])
    texts.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  Json model = {{"type", "BPE"}, {"merges", texts}, {"ignore_merges", true}, {"vocab", file["model"]["vocab"]}};
  file["model"] = model;
  const auto from_texts = vocabulary_from_json(file.dump(), "x").value();
  ASSERT_EQ(from_texts.merges.size(), from_pairs.merges.size());
  for (size_t index = 0; index < from_texts.merges.size(); ++index) {
    EXPECT_EQ(from_texts.merges[index].left, from_pairs.merges[index].left);
    EXPECT_EQ(from_texts.merges[index].right, from_pairs.merges[index].right);
    EXPECT_EQ(from_texts.merges[index].result, from_pairs.merges[index].result);
    EXPECT_EQ(from_texts.merges[index].rank, index);
  }
}

TEST(VocabularyJson, ThePostProcessorSaysWhetherBosIsAdded) {
  Json file = tiny_json();
  EXPECT_TRUE(vocabulary_from_json(file.dump(), "x")->add_bos);
  file["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, file["post_processor"]}}};
  const auto in_sequence = vocabulary_from_json(file.dump(), "x").value();
  EXPECT_TRUE(in_sequence.add_bos);
  EXPECT_EQ(in_sequence.bos, 1005);
  file["post_processor"] = {{"type", "ByteLevel"}};
  EXPECT_FALSE(vocabulary_from_json(file.dump(), "x")->add_bos);
}

TEST(TokenizerConfig, WinsOverTheTokenizer) {
  Vocabulary vocabulary = vocabulary_from_json(tiny_json().dump(), "x").value();
  const auto config = parse_tokenizer_config(
      R"({"bos_token": {"content": "<|end_of_text|>"}, "eos_token": "<|step|>", "pad_token": "<|nowhere|>", "add_bos_token": false})",
      "x");
  apply_tokenizer_config(config.value(), vocabulary);
  EXPECT_EQ(vocabulary.bos, 1006);
  EXPECT_FALSE(vocabulary.add_bos);
  EXPECT_EQ(vocabulary.pad, std::nullopt);
  EXPECT_EQ(vocabulary.stop, (Ids{1006, 1012, 1013, 1014}));
  EXPECT_FALSE(parse_tokenizer_config("[]", "x"));
  EXPECT_FALSE(parse_tokenizer_config("3", "x"));
  EXPECT_FALSE(parse_tokenizer_config(R"({"bos_token": 3})", "x"));
  EXPECT_FALSE(parse_tokenizer_config(R"({"bos_token": ["a"]})", "x"));
  EXPECT_FALSE(parse_tokenizer_config(R"({"bos_token": {"content": 1}})", "x"));
  EXPECT_EQ(
      parse_tokenizer_config(R"({"x": {"bos_token": 3}, "bos_token": {"id": [1], "content": "a"}})", "x")->bos_token,
      "a");
  EXPECT_FALSE(parse_tokenizer_config(R"({"add_bos_token": "yes"})", "x"));
  EXPECT_EQ(parse_tokenizer_config(R"({"bos_token": null})", "x")->bos_token, std::nullopt);
}

// tokenizer.model

// The 256 bytes in order, then "aa", "aab", "ab": ids 256, 257, 258.
std::string small_ranks() {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string file;
  for (int byte = 0; byte < 256; ++byte)
    file += std::string{kAlphabet[byte >> 2], kAlphabet[byte << 4 & 0x30]} + "== " + std::to_string(byte) + "\n";
  return file + "YWE= 256\nYWFi 257\nYWI= 258\n";
}

TEST(VocabularyRanks, ReadsMetasForm) {
  const auto tokenizer = Tokenizer::create(vocabulary_from_ranks(small_ranks(), "x").value());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("aaab ab\xFF", Specials::kNone), (Ids{256, 258, 32, 258, 0xEF, 0xBF, 0xBD}));
  EXPECT_EQ(tokenizer->encode("aab", Specials::kNone), Ids{257});  // a whole piece first
  EXPECT_EQ(tokenizer->vocab_size(), 259 + 2048);
  EXPECT_EQ(tokenizer->bos(), 259);
  EXPECT_TRUE(tokenizer->add_bos());
  EXPECT_EQ(tokenizer->encode("<|eot|>", Specials::kAll), Ids{259 + 8});
  EXPECT_EQ(Ids(tokenizer->stop().begin(), tokenizer->stop().end()), (Ids{260, 266, 267}));
}

TEST(VocabularyRanks, RefusesAnythingElse) {
  EXPECT_REFUSAL(vocabulary_from_ranks("", "m"), "0x00");
  EXPECT_REFUSAL(vocabulary_from_ranks("YQ== 0\n", "m"), "0x00");
  EXPECT_REFUSAL(vocabulary_from_ranks("YQ== 0\nhello\n", "m"), "m:2:");
  EXPECT_REFUSAL(vocabulary_from_ranks("YQ== 0x\n", "m"), "m:1:");
  EXPECT_REFUSAL(vocabulary_from_ranks("Y*== 0\n", "m"), "m:1:");
  EXPECT_REFUSAL(vocabulary_from_ranks("YQ== -1\n", "m"), "m:1: token");
  EXPECT_REFUSAL(vocabulary_from_ranks("YQ== 99999999999\n", "m"), "m:1:");
  EXPECT_REFUSAL(vocabulary_from_ranks("YQ== 0\nYQ== 1\n", "m"), "m:2: tokens 0 and 1");
  EXPECT_REFUSAL(vocabulary_from_ranks(small_ranks() + "YmI= 300\n", "m"), "expected every rank");
  EXPECT_REFUSAL(vocabulary_from_ranks("\n\x0E\n\x05<unk>", "m"), "SentencePiece");
}

TEST(LlamaSpecials, AreMetas) {
  const std::vector<std::string> llama4 = llama4_special_names();
  ASSERT_EQ(llama4.size(), 2048u);
  EXPECT_EQ(llama4[8], "<|eot|>");
  EXPECT_EQ(llama4[18], "<|finetune_right_pad|>");
  EXPECT_EQ(llama4[92], "<|patch|>");
  EXPECT_EQ(llama4[1133], "<|vision_reserved_special_token_1047|>");
  EXPECT_EQ(llama4[1143], "<|reasoning_thinking_end|>");
  EXPECT_EQ(llama4[2047], "<|reserved_special_token_903|>");
  const std::vector<std::string> llama3 = llama3_special_names();
  ASSERT_EQ(llama3.size(), 256u);
  EXPECT_EQ(llama3[9], "<|eot_id|>");
  EXPECT_EQ(llama3[255], "<|reserved_special_token_245|>");
}

TEST(LlamaSpecials, UnnamedTokensGetMetasNames) {
  Vocabulary vocabulary;
  ASSERT_TRUE(vocabulary.tokens.add(200000, "<|begin_of_text|>", false));
  ASSERT_TRUE(vocabulary.tokens.add(201134, "<|finetune_right_pad_id|>", false));
  vocabulary.added = {{.id = 200000, .text = "<|begin_of_text|>"}, {.id = 201134, .text = "<|finetune_right_pad_id|>"}};
  ASSERT_TRUE(name_unnamed_llama4_tokens(vocabulary));
  const Tokenizer tokenizer = Tokenizer::create(std::move(vocabulary)).value();
  EXPECT_EQ(tokenizer.token_bytes(201134), "<|finetune_right_pad_id|>");
  EXPECT_EQ(tokenizer.token_bytes(201142), "<|reasoning_thinking_start|>");
  EXPECT_TRUE(tokenizer.is_special(202047));
  EXPECT_EQ(tokenizer.vocab_size(), 202048);
  EXPECT_EQ(tokenizer.id_of_special("<|reserved_special_token_903|>"), std::nullopt);

  Vocabulary other;
  ASSERT_TRUE(other.tokens.add(0, "a", true));
  ASSERT_TRUE(name_unnamed_llama4_tokens(other));
  EXPECT_EQ(other.tokens.size(), 1);
}

// GGUF

// tiny.json as a GGUF file would carry it.
struct TinyGguf {
  std::vector<std::string> texts = std::vector<std::string>(1024);
  std::vector<std::string> merge_texts;
  std::vector<std::string_view> tokens;
  std::vector<std::string_view> merges;
  GgufVocabulary gguf;

  TinyGguf() {
    const Json file = tiny_json();
    for (const auto& [text, id] : file["model"]["vocab"].items()) texts[id.get<size_t>()] = text;
    gguf.token_types.assign(texts.size(), 1);
    for (const Json& added : file["added_tokens"]) {
      texts[added["id"].get<size_t>()] = added["content"].get<std::string>();
      gguf.token_types[added["id"].get<size_t>()] = 3;
    }
    for (const Json& merge : file["model"]["merges"])
      merge_texts.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    view();
    gguf.model = "gpt2";
    gguf.pre = "llama4";
    gguf.bos_id = 1005;
    gguf.eos_id = 1013;
    gguf.add_bos = true;
  }
  void view() {
    tokens.assign(texts.begin(), texts.end());
    merges.assign(merge_texts.begin(), merge_texts.end());
    gguf.tokens = tokens;
    gguf.merges = merges;
  }
};

TEST(VocabularyGguf, EqualsTheSameTokenizerInJson) {
  const std::pair<const char*, const char*> patterns[] = {{"llama4", "o200k"},     {"gpt-4o", "o200k"},
                                                          {"llama-bpe", "llama3"}, {"gpt-2", "gpt2"},
                                                          {"smollm", "smollm"},    {"qwen2", "qwen2"}};
  const Json variants = parse_json(read_test_file(test_data("vectors.json")), "vectors.json").value();
  for (const auto& [pre, name] : patterns) {
    TinyGguf file;
    file.gguf.pre = pre;
    const auto tokenizer = Tokenizer::create(vocabulary_from_gguf(file.gguf, "x").value());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    const auto variant = std::find_if(variants.begin(), variants.end(),
                                      [&, name = name](const Json& candidate) { return candidate["name"] == name; });
    ASSERT_NE(variant, variants.end());
    for (const Json& test_case : (*variant)["cases"]) {
      const auto text = test_case["text"].get<std::string>();
      EXPECT_EQ(tokenizer->encode(text, Specials::kNone), test_case["ids"].get<Ids>()) << pre << ": " << text;
      const char* key = test_case.contains("ids_parsed") ? "ids_parsed" : "ids";
      EXPECT_EQ(tokenizer->encode(text, Specials::kAll), test_case[key].get<Ids>());
    }
    EXPECT_EQ(tokenizer->bos(), 1005);
    EXPECT_TRUE(tokenizer->add_bos());
    EXPECT_EQ(Ids(tokenizer->stop().begin(), tokenizer->stop().end()), (Ids{1006, 1012, 1013}));
  }
}

TEST(VocabularyGguf, TokenTypesAndDefaults) {
  TinyGguf file;
  file.texts[1023] = "the ";
  file.gguf.token_types[1023] = 4;  // user-defined: found in any text
  file.texts[1022] = "[PAD1022]";
  file.gguf.token_types[1022] = 5;  // unused
  file.gguf.add_bos.reset();
  file.gguf.pre = "";
  file.view();
  const auto tokenizer = Tokenizer::create(vocabulary_from_gguf(file.gguf, "x").value()).value();
  EXPECT_EQ(tokenizer.encode("the a", Specials::kNone), (Ids{1023, 64}));
  EXPECT_EQ(tokenizer.token_bytes(1022), "");
  EXPECT_FALSE(tokenizer.add_bos());
  file.gguf.pre = "llama-bpe";
  EXPECT_TRUE(vocabulary_from_gguf(file.gguf, "x")->add_bos);
  file.gguf.bos_id.reset();
  EXPECT_FALSE(vocabulary_from_gguf(file.gguf, "x")->add_bos);
}

TEST(VocabularyGguf, RefusesByName) {
  const auto refused = [](auto&& change, const char* words) {
    TinyGguf file;
    change(file);
    file.view();
    EXPECT_REFUSAL(vocabulary_from_gguf(file.gguf, "file.gguf"), words);
  };
  refused([](TinyGguf& file) { file.gguf.model = "llama"; }, "tokenizer.ggml.model is \"llama\"");
  refused([](TinyGguf& file) { file.gguf.pre = "tekken"; }, "tokenizer.ggml.pre is \"tekken\"");
  refused([](TinyGguf& file) { file.texts.clear(); }, "tokenizer.ggml.tokens");
  refused([](TinyGguf& file) { file.gguf.token_types.pop_back(); }, "1023 token types");
  refused([](TinyGguf& file) { file.merge_texts[0] = "ab"; }, "merge 0");
  refused([](TinyGguf& file) { file.merge_texts[3] = "qz zq"; }, "merge 3");
  refused([](TinyGguf& file) { file.gguf.eos_id = 1024; }, "eos_token_id is 1024");
  refused([](TinyGguf& file) { file.gguf.bos_id = -1; }, "bos_token_id is -1");
  refused([](TinyGguf& file) { file.texts[5] = std::string(5000, 'x'); }, "token 5");
  refused(
      [](TinyGguf& file) {
        file.gguf.add_bos = true;
        file.gguf.bos_id = INT64_MAX;
      },
      "bos_token_id");
}

// Files and folders

TEST(LoadTokenizer, TakesAFolderOrAFile) {
  const auto folder = std::filesystem::temp_directory_path() / ("paddock_text_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  EXPECT_NE(load_tokenizer(folder).error().message.find("no tokenizer in this folder"), std::string::npos);
  std::ofstream(folder / "tokenizer.model") << small_ranks();
  EXPECT_EQ(load_tokenizer(folder)->vocab_size(), 259 + 2048);
  std::filesystem::copy_file(test_data("tiny.json"), folder / "tokenizer.json");
  EXPECT_EQ(load_tokenizer(folder)->vocab_size(), 1024);
  EXPECT_EQ(load_tokenizer(folder / "tokenizer.model")->vocab_size(), 259 + 2048);
  std::ofstream(folder / "tokenizer_config.json") << R"({"add_bos_token": false})";
  EXPECT_FALSE(load_tokenizer(folder)->add_bos());
  std::ofstream(folder / "tokenizer_config.json") << "{";
  EXPECT_NE(load_tokenizer(folder).error().message.find("tokenizer_config.json"), std::string::npos);
  std::ofstream(folder / "huge") << "{";
  std::filesystem::resize_file(folder / "huge", size_t{300} << 20);  // sparse
  EXPECT_EQ(load_tokenizer(folder / "huge").error().code, ErrorCode::kLimit);
  std::ofstream(folder / "empty") << " \n";
  EXPECT_NE(load_tokenizer(folder / "empty").error().message.find("empty"), std::string::npos);
  EXPECT_EQ(load_tokenizer(folder / "nowhere").error().code, ErrorCode::kNotFound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace paddock::text
