// SPDX-License-Identifier: Apache-2.0
// From conversations to token ids with the real Llama 4 tokenizer: only what the template wrote becomes special tokens.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "tests/support/golden.h"
#include "text/chat_template.h"
#include "text/load_tokenizer.h"

namespace paddock::test {
namespace {

TEST(ChatIds, EveryReferenceConversation) {
  const auto reference = reference_folder();
  if (!reference) GTEST_SKIP() << "the real tokenizer is in the reference set; PADDOCK_REFERENCE names no folder";
  const auto tokenizer = text::load_tokenizer(*reference / "tokenizer" / "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto source = read_text_file(*reference / "chat" / "chat_template.jinja");
  ASSERT_TRUE(source);
  const auto chat = text::ChatTemplate::create(
      {{{"default", *source}}, {{"bos_token", "<|begin_of_text|>"}, {"eos_token", "<|eot|>"}}});
  ASSERT_TRUE(chat) << chat.error().message;
  const std::string path = (*reference / "chat" / "renderings.json").string();
  const Json file = parse_json(read_text_file(path).value(), path, {.exact_integers = true}).value();

  int compared = 0;
  for (const Json& test : file.at("llama4")) {
    // Two cases show by a note alone what normalising changes.
    if (test.contains("error") || test["id"] == "parts-unknown" || test["id"] == "role-other") continue;
    SCOPED_TRACE(test["id"].get<std::string>());
    Json conversation = test.value("args", Json::object());
    conversation["messages"] = test["messages"];
    if (test.contains("tools")) conversation["tools"] = test["tools"];
    const auto rendered = chat->render(conversation);
    ASSERT_TRUE(rendered) << rendered.error().message;
    const Json& expected = test.contains("normalised") ? test["normalised"] : test;
    EXPECT_EQ(tokenizer->encode(*rendered), expected["ids"].get<std::vector<int32_t>>());
    ++compared;
  }
  EXPECT_GT(compared, 55);
}

}  // namespace
}  // namespace paddock::test
