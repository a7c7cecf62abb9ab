// SPDX-License-Identifier: Apache-2.0
#include "train/data/tokenise_examples.h"

#include "base/check.h"
#include "base/digest.h"
#include "text/assistant_turns.h"
#include "text/tokenizer_identity.h"

namespace paddock::train {
namespace {

using Tokens = std::vector<int32_t>;

text::TokenId find_end_of_text(const text::Tokenizer& tokenizer) {
  for (const char* name : {"<|end_of_text|>", "<|endoftext|>", "</s>"})
    if (const auto id = tokenizer.id_of_special(name)) return *id;
  return tokenizer.stop().empty() ? tokenizer.bos().value_or(0) : tokenizer.stop().front();
}

}  // namespace

ExampleTokeniser::ExampleTokeniser(const text::Tokenizer* tokenizer, const text::ChatTemplate* chat,
                                   std::vector<text::TokenId> stop)
    : tokenizer_(*tokenizer), chat_(*chat), stop_(std::move(stop)), end_of_text_(find_end_of_text(*tokenizer)) {}

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

Result<Document> ExampleTokeniser::chat(const ChatExample& example) const {
  CHECK(example.is_trained.size() == example.conversation.at("messages").size());
  const auto taught = TRY(text::teach_conversation(chat_, tokenizer_, stop_, example.conversation, "messages"));
  Document document{taught.tokens, {}};
  for (const int32_t message : taught.said_in)
    document.is_trained.push_back(message >= 0 && example.is_trained[static_cast<size_t>(message)] ? 1 : 0);
  return document;
}

Result<Tokens> ExampleTokeniser::question(const std::string& text) const {
  Json conversation = Json::object(), message = Json::object();
  message["role"] = "user";
  message["content"] = text;
  conversation["messages"] = std::vector<Json>{message};
  conversation["add_generation_prompt"] = true;
  return tokenizer_.encode(TRY(chat_.render(conversation)));
}

std::string ExampleTokeniser::fingerprint() const {
  std::string all = to_hex(text::identity_of(tokenizer_));
  const auto add = [&all](const Tokens& tokens) {
    for (const int32_t token : tokens) all += std::to_string(token) + ' ';
    all += '\n';
  };
  // How text is cut, and what the template writes.
  add(tokenizer_.encode("The quick brown fox, 12345 times;\n\n  na\xc3\xafve \xe4\xb8\xad\xe6\x96\x87 I'll",
                        text::Specials::kNone));
  Json conversation = {{"messages", Json::array()}};
  for (const char* role : {"system", "user", "assistant", "user"})
    conversation["messages"].push_back({{"role", role}, {"content", "Say it."}});
  // Templates may refuse it, which is an answer too.
  if (const auto rendered = chat_.render(conversation)) add(tokenizer_.encode(*rendered));
  add({stop_.begin(), stop_.end()});
  return to_hex(sha256(all));
}

}  // namespace paddock::train
