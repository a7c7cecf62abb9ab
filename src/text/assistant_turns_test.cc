// SPDX-License-Identifier: Apache-2.0
// Which tokens of conversations are taught, by templates of several kinds.

#include "text/assistant_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "text/load_tokenizer.h"
#include "text/test_data.h"

namespace paddock::text {
namespace {

using testing::HasSubstr;

const Json kTalk = {{"messages",
                     {{{"role", "user"}, {"content", "Hello"}},
                      {{"role", "assistant"}, {"content", "Good day"}},
                      {{"role", "user"}, {"content", "And?"}},
                      {{"role", "assistant"}, {"content", "\nWell"}}}}};

class AssistantTurns : public testing::Test {
 protected:
  void SetUp() override {
    auto tokenizer =
        load_tokenizer(std::filesystem::path(PADDOCK_SOURCE_DIR) / "tests" / "data" / "text" / "tiny-scout");
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_.emplace(std::move(*tokenizer));
    eot_ = tokenizer_->id_of_special("<|eot|>").value();
  }

  Result<TaughtConversation> teach(const std::string& source, const Json& talk = kTalk) const {
    auto chat =
        ChatTemplate::create({.templates = source.empty() ? std::map<std::string, std::string>{}
                                                          : std::map<std::string, std::string>{{"default", source}},
                              .tokens = {{"bos_token", "<|begin_of_text|>"}}});
    EXPECT_TRUE(chat) << chat.error().message;
    return teach_conversation(*chat, *tokenizer_, std::vector<TokenId>{eot_}, talk, "talk");
  }
  // The taught runs of tokens as text.
  std::vector<std::string> taught(const TaughtConversation& talk) const {
    std::vector<std::string> runs;
    for (size_t token = 0; token < talk.tokens.size(); ++token) {
      if (talk.said_in[token] < 0) continue;
      if (token == 0 || talk.said_in[token - 1] != talk.said_in[token]) runs.emplace_back();
      runs.back() += tokenizer_->decode(std::vector{talk.tokens[token]}, SpecialText::kShow);
    }
    return runs;
  }

  std::optional<Tokenizer> tokenizer_;
  TokenId eot_ = 0;
};

// Encoded with the answer, spaces before it would be cut in another way than without it, as a server reads them when it
// begins to answer.
TEST_F(AssistantTurns, BeginBehindTheTokensBehindWhichAServerBegins) {
  const std::string source =
      "{% for m in messages %}{{ m.role }}:   {{ m.content }}<|eot|>{% endfor %}{% if add_generation_prompt "
      "%}assistant:   {% endif %}";
  const auto talk = teach(source);
  ASSERT_TRUE(talk) << talk.error().message;
  const RenderedText asked = {{"user:   Hello<|eot|>assistant:   ", true}};
  const std::vector<TokenId> expected = tokenizer_->encode(asked);
  ASSERT_GT(talk->tokens.size(), expected.size());
  EXPECT_EQ(std::vector(talk->tokens.begin(), talk->tokens.begin() + static_cast<std::ptrdiff_t>(expected.size())),
            expected);
  EXPECT_EQ(talk->said_in[expected.size() - 1], -1);
  EXPECT_EQ(talk->said_in[expected.size()], 1);
  EXPECT_THAT(taught(*talk), testing::ElementsAre("Good day<|eot|>", "\nWell<|eot|>"));
  // The test would notice: in one piece the text is other tokens.
  RenderedText whole = asked;
  whole.front().text += "Good day";
  const std::vector<TokenId> in_one = tokenizer_->encode(whole);
  EXPECT_NE(std::vector(in_one.begin(), in_one.begin() + static_cast<std::ptrdiff_t>(expected.size())), expected);
}

TEST_F(AssistantTurns, AreTaughtWithTheirStopToken) {
  const auto talk = teach("");
  ASSERT_TRUE(talk) << talk.error().message;
  EXPECT_THAT(taught(*talk), testing::ElementsAre("Good day<|eot|>", testing::EndsWith("Well<|eot|>")));
}

// What a template writes behind the stop token is not taught; without a stop token the turn is all that it adds.
TEST_F(AssistantTurns, EndWhereTheModelStops) {
  const std::string loop = "{% for m in messages %}<|header_start|>{{ m.role }}<|header_end|>{{ m.content }}";
  const std::string prompt =
      "{% endfor %}{% if add_generation_prompt %}<|header_start|>assistant<|header_end|>{% endif %}";
  const auto newline = teach(loop + "<|eot|>{{ '\n' }}" + prompt);
  ASSERT_TRUE(newline) << newline.error().message;
  EXPECT_EQ(taught(*newline), (std::vector<std::string>{"Good day<|eot|>", "\nWell<|eot|>"}));
  const auto none = teach(loop + "{{ '.' }}" + prompt);
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(taught(*none), (std::vector<std::string>{"Good day.", "\nWell."}));
}

TEST_F(AssistantTurns, ATemplateThatRewritesThePastIsRefused) {
  const auto talk = teach("{% for m in messages %}{{ m.content if loop.last else '…' }}<|eot|>{% endfor %}");
  ASSERT_FALSE(talk);
  EXPECT_THAT(talk.error().message, HasSubstr("talk: message 1: expected a chat template"));
  const auto no_messages = teach("", Json{{"messages", 3}});
  ASSERT_FALSE(no_messages);
  EXPECT_THAT(no_messages.error().message, HasSubstr("talk: "));
}

TEST_F(AssistantTurns, NothingIsTaughtWhereNobodyAnswers) {
  const auto talk = teach("", Json{{"messages", {{{"role", "user"}, {"content", "Hello"}}}}});
  ASSERT_TRUE(talk) << talk.error().message;
  EXPECT_TRUE(taught(*talk).empty());
}

}  // namespace
}  // namespace paddock::text
