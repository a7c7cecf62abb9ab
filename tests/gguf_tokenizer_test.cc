// SPDX-License-Identifier: Apache-2.0
// Tokenizers in the metadata of GGUF files: those of the reference models, and of a real one where PADDOCK_SMOLLM2
// names it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "text/load_tokenizer.h"
#include "text/vocabulary_gguf.h"

namespace paddock {
namespace {

namespace fs = std::filesystem;
using text::Specials;
using text::Tokenizer;
using Ids = std::vector<text::TokenId>;

fs::path reference() {
  const char* folder = std::getenv("PADDOCK_REFERENCE");
  return folder != nullptr ? fs::path(folder) : fs::path(PADDOCK_SOURCE_DIR) / "../shared/reference";
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <typename Value>
const Value* find(const checkpoint::GgufMetadata& metadata, const std::string& key) {
  const checkpoint::GgufValue* value = metadata.find("tokenizer.ggml." + key);
  return value != nullptr ? std::get_if<Value>(value) : nullptr;
}

// Only what these files hold; a file from outside is read with more care.
Tokenizer tokenizer_of(const checkpoint::Checkpoint& checkpoint) {
  const checkpoint::GgufMetadata& metadata = checkpoint.metadata();
  text::GgufVocabulary gguf;
  gguf.model = *find<std::string>(metadata, "model");
  gguf.pre = *find<std::string>(metadata, "pre");
  gguf.tokens = *find<std::vector<std::string_view>>(metadata, "tokens");
  gguf.merges = *find<std::vector<std::string_view>>(metadata, "merges");
  if (const auto* types = find<std::vector<int64_t>>(metadata, "token_type")) gguf.token_types = *types;
  if (const auto* bos = find<uint64_t>(metadata, "bos_token_id")) gguf.bos_id = static_cast<int64_t>(*bos);
  if (const auto* eos = find<uint64_t>(metadata, "eos_token_id")) gguf.eos_id = static_cast<int64_t>(*eos);
  if (const auto* add_bos = find<bool>(metadata, "add_bos_token")) gguf.add_bos = *add_bos;
  return Tokenizer::create(text::vocabulary_from_gguf(gguf, "file.gguf").value()).value();
}

TEST(GgufTokenizer, EqualsTheTokenizerJsonItWasMadeFrom) {
  const fs::path file = reference() / "gguf/tiny-k-q4_0.gguf";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there; set PADDOCK_REFERENCE to the folder of reference data";
  const auto checkpoint = checkpoint::Checkpoint::open(file);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const Tokenizer from_gguf = tokenizer_of(*checkpoint);
  const Tokenizer from_json = text::load_tokenizer(reference() / "text/tiny-scout").value();
  const std::string corpus = read_file(reference() / "tokenizer/corpus.txt");
  EXPECT_EQ(from_gguf.encode(corpus, Specials::kAll), from_json.encode(corpus, Specials::kAll));
  EXPECT_EQ(from_gguf.vocab_size(), from_json.vocab_size());
  EXPECT_EQ(from_gguf.bos(), from_json.bos());
  EXPECT_EQ(from_gguf.add_bos(), from_json.add_bos());
  EXPECT_EQ(Ids(from_gguf.stop().begin(), from_gguf.stop().end()),
            Ids(from_json.stop().begin(), from_json.stop().end()));
}

TEST(GgufTokenizer, SmolLm2EncodesItsChats) {
  const char* file = std::getenv("PADDOCK_SMOLLM2");
  if (file == nullptr) GTEST_SKIP() << "PADDOCK_SMOLLM2 does not name SmolLM2-135M-Instruct.Q4_1.gguf";
  const auto checkpoint = checkpoint::Checkpoint::open(file);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const Tokenizer tokenizer = tokenizer_of(*checkpoint);
  const Json golden = parse_json(read_file(reference() / "smollm2/golden.json"), "golden.json").value();
  for (const Json& chat : golden["chats"]) {
    const auto rendered = chat["rendered"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(rendered, Specials::kAll), chat["ids"].get<Ids>()) << rendered;
    EXPECT_EQ(tokenizer.decode(chat["greedy"].get<Ids>(), text::SpecialText::kShow), chat["text"].get<std::string>());
  }
  // Its digits are cut off before words are, so that blanks before them stand at an end and stay together.
  EXPECT_EQ(tokenizer.encode("a\n\n9", Specials::kNone).size(), 3u);
  EXPECT_FALSE(tokenizer.add_bos());
}

}  // namespace
}  // namespace paddock
