// SPDX-License-Identifier: Apache-2.0
#include "train/data/dataset_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddock::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "user: a | assistant: b*": what is learned has a star.
std::string outline(const ChatExample& example) {
  std::string text;
  const Json& messages = example.conversation.at("messages");
  for (size_t index = 0; index < messages.size(); ++index) {
    const Json& message = messages[index];
    text += (index > 0 ? " | " : "") + message.at("role").get<std::string>() + ": " +
            (message.contains("content") && message.at("content").is_string() ? message.at("content").get<std::string>()
                                                                              : "-") +
            (example.is_trained[index] ? "*" : "");
  }
  return text;
}

std::string chat_outline(const std::string& line) {
  const auto example = read_chat_line(line);
  return example ? outline(*example) : "refused: " + example.error().message;
}

TEST(DatasetLine, ChatShapesAreToldApart) {
  const char* const expected = "system: s | user: a | assistant: b*";
  EXPECT_EQ(chat_outline(R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},
                             {"role":"assistant","content":"b"}]})"),
            expected);
  EXPECT_EQ(chat_outline(R"({"system":"s","conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b"}]})"),
            expected);
  EXPECT_EQ(chat_outline(R"({"system":"s","instruction":"a","input":"","output":"b"})"), expected);
  EXPECT_EQ(chat_outline(R"({"instruction":"a","input":"x","output":"b","history":[["h","i"]]})"),
            "user: h | assistant: i* | user: a\n\nx | assistant: b*");
  EXPECT_EQ(
      chat_outline(R"({"prompt":[{"role":"system","content":"s"},{"role":"user","content":"a"}],"completion":"b"})"),
      expected);
}

TEST(DatasetLine, WeightsSayWhatIsLearned) {
  EXPECT_EQ(chat_outline(R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0},
                             {"role":"user","content":"c"},{"role":"assistant","content":"d","weight":1}]})"),
            "user: a | assistant: b | user: c | assistant: d*");
  EXPECT_THAT(
      chat_outline(R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":2}]})"),
      HasSubstr("to be 0 or 1, found 2"));
}

TEST(DatasetLine, ToolCallsStayWhatTheyAre) {
  const auto example = read_chat_line(
      R"({"messages":[{"role":"user","content":"w?"},{"role":"assistant","content":null,"tool_calls":[{"id":"1",
          "type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"1",
          "content":"7"},{"role":"assistant","content":"7!"}],"tools":[{"type":"function","function":{"name":"f"}}]})");
  ASSERT_TRUE(example) << example.error().message;
  EXPECT_THAT(example->is_trained, ElementsAre(false, true, false, true));
  EXPECT_EQ(example->conversation.at("tools").size(), 1u);
  EXPECT_EQ(example->conversation["messages"][1]["tool_calls"][0]["function"]["name"], "f");
}

TEST(DatasetLine, PairsShareWhatTheyBeginWith) {
  const auto trl = read_preference_line(R"({"prompt":"a","chosen":"good","rejected":"bad"})");
  ASSERT_TRUE(trl) << trl.error().message;
  EXPECT_EQ(outline(trl->chosen), "user: a | assistant: good*");
  EXPECT_EQ(outline(trl->rejected), "user: a | assistant: bad*");
  const auto whole = read_preference_line(
      R"({"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"x"},{"role":"user","content":"b"},
          {"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"a"},
          {"role":"assistant","content":"x"},{"role":"user","content":"b"},{"role":"assistant","content":"bad"}]})");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(outline(whole->chosen), "user: a | assistant: x | user: b | assistant: good*");
  const auto openai = read_preference_line(
      R"({"input":{"messages":[{"role":"user","content":"a"}]},"preferred_output":[{"role":"assistant","content":"good"}],
          "non_preferred_output":[{"role":"assistant","content":"bad"}]})");
  ASSERT_TRUE(openai) << openai.error().message;
  EXPECT_EQ(outline(openai->rejected), "user: a | assistant: bad*");
}

TEST(DatasetLine, WhatIsNoneSaysWhatWasFound) {
  EXPECT_THAT(chat_outline("{\"txt\":1}"), HasSubstr("found the keys txt"));
  EXPECT_THAT(chat_outline("[]"), HasSubstr("expected an object, found array"));
  EXPECT_THAT(chat_outline("{"), HasSubstr("refused: "));
  EXPECT_THAT(chat_outline(R"({"messages":[{"role":"user","content":"a"}]})"),
              HasSubstr("at least one message of the assistant"));
  EXPECT_THAT(chat_outline(R"({"conversations":[{"from":"alien","value":"a"}]})"), HasSubstr("found \"alien\""));
  EXPECT_THAT(chat_outline(R"({"instruction":"a"})"), HasSubstr("the key \"output\""));
  EXPECT_FALSE(read_preference_line(R"({"prompt":"a","chosen":"x","rejected":"x"})"));
  EXPECT_FALSE(read_preference_line(R"({"chosen":"x","rejected":"y"})"));
  EXPECT_FALSE(read_text_line(R"({"text":""})"));
  EXPECT_EQ(read_text_line(R"({"prompt":"p","completion":"c"})")->prompt, "p");
}

}  // namespace
}  // namespace paddock::train
