// SPDX-License-Identifier: Apache-2.0
#include "train/data/tokenise_examples.h"

#include <algorithm>

#include "base/check.h"
#include "base/digest.h"

namespace paddock::train {
namespace {

using Tokens = std::vector<int32_t>;

// A character of the answer may join the last tokens of its header.
constexpr size_t kMostJoined = 2;

size_t same_tokens(const Tokens& one, const Tokens& other) {
  return static_cast<size_t>(std::ranges::mismatch(one, other).in1 - one.begin());
}

text::TokenId find_end_of_text(const text::Tokenizer& tokenizer) {
  for (const char* name : {"<|end_of_text|>", "<|endoftext|>", "</s>"})
    if (const auto id = tokenizer.id_of_special(name)) return *id;
  return tokenizer.stop().empty() ? tokenizer.bos().value_or(0) : tokenizer.stop().front();
}

// After the token that ends the turn; templates write more behind it.
size_t end_of_turn(const Tokens& tokens, size_t begin, size_t end, std::span<const text::TokenId> stop) {
  for (size_t at = begin; at < end; ++at)
    if (std::ranges::find(stop, tokens[at]) != stop.end()) return at + 1;
  return end;
}

}  // namespace

ExampleTokeniser::ExampleTokeniser(const text::Tokenizer* tokenizer, const text::ChatTemplate* chat)
    : tokenizer_(*tokenizer), chat_(*chat), end_of_text_(find_end_of_text(*tokenizer)) {}

Document ExampleTokeniser::text(const TextExample& example) const {
  Document document;
  if (tokenizer_.add_bos() && tokenizer_.bos()) document.tokens.push_back(*tokenizer_.bos());
  const Tokens prompt = tokenizer_.encode(example.prompt, text::Specials::kNone);
  document.tokens.insert(document.tokens.end(), prompt.begin(), prompt.end());
  document.is_trained.assign(document.tokens.size(), 0);
  const Tokens said = tokenizer_.encode(example.text, text::Specials::kNone);
  document.tokens.insert(document.tokens.end(), said.begin(), said.end());
  document.tokens.push_back(end_of_text_);
  document.is_trained.resize(document.tokens.size(), 1);
  return document;
}

Result<Tokens> ExampleTokeniser::tokens_of(const Json& conversation, size_t messages, bool answer_follows) const {
  Json part = conversation;
  Json::array_t& all = part.at("messages").get_ref<Json::array_t&>();
  all.resize(messages);
  part["add_generation_prompt"] = answer_follows;
  return tokenizer_.encode(TRY(chat_.render(part)));
}

Result<Document> ExampleTokeniser::chat(const ChatExample& example) const {
  const size_t messages = example.is_trained.size();
  CHECK(messages == example.conversation.at("messages").size());
  Document document;
  document.tokens = TRY(tokens_of(example.conversation, messages, false));
  document.is_trained.assign(document.tokens.size(), 0);
  for (size_t index = 0; index < messages; ++index) {
    if (!example.is_trained[index]) continue;
    if (index == 0)
      return error(ErrorCode::kBadFile, "messages[0]: expected something that the assistant answers, found its answer");
    const Tokens before = TRY(tokens_of(example.conversation, index, true));
    const size_t begin = same_tokens(document.tokens, before);
    const Tokens through =
        index + 1 == messages ? document.tokens : TRY(tokens_of(example.conversation, index + 1, false));
    const size_t shared = same_tokens(document.tokens, through);
    if (begin + kMostJoined < before.size() || shared + kMostJoined < through.size())
      return error(ErrorCode::kUnsupported,
                   "messages[{}]: expected the template to write a turn alike whether others follow or not, found "
                   "differences before token {}; train on conversations that end with this message",
                   index, std::min(begin, shared));
    const size_t end = end_of_turn(document.tokens, begin, shared, tokenizer_.stop());
    std::fill(document.is_trained.begin() + static_cast<ptrdiff_t>(begin),
              document.is_trained.begin() + static_cast<ptrdiff_t>(end), 1);
  }
  return document;
}

Result<Tokens> ExampleTokeniser::question(const std::string& text) const {
  Json conversation = Json::object(), message = Json::object();
  message["role"] = "user";
  message["content"] = text;
  conversation["messages"] = std::vector<Json>{message};
  return tokens_of(conversation, 1, true);
}

std::string ExampleTokeniser::fingerprint() const {
  std::string all;
  for (text::TokenId id = 0; id < tokenizer_.vocab_size(); ++id) {
    all += tokenizer_.token_bytes(id);
    all += '\n';
  }
  const auto add = [&all](const Tokens& tokens) {
    for (const int32_t token : tokens) all += std::to_string(token) + ' ';
    all += '\n';
  };
  add(tokenizer_.encode("The quick brown fox, 12345 times;\n\n  naïve \xe4\xb8\xad\xe6\x96\x87 <|eot|>", text::Specials::kNone));
  Json conversation = {{"messages", Json::array()}};
  for (const char* role : {"system", "user", "assistant", "user"})
    conversation["messages"].push_back({{"role", role}, {"content", "Say it."}});
  // Templates may refuse it, which is an answer too.
  if (const auto tokens = tokens_of(conversation, 4, true)) add(*tokens);
  return to_hex(sha256(all));
}

}  // namespace paddock::train
