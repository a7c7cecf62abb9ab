// SPDX-License-Identifier: Apache-2.0
#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "text/chat_llama4.h"
#include "text/test_data.h"

namespace paddock::text {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kData = PADDOCK_SOURCE_DIR "/tests/data/chat";

Json parse(std::string_view text) { return parse_json(text, "test", {.exact_integers = true}).value(); }
Json read_json(const fs::path& path) { return parse(read_text_file(path).value_or("")); }
std::string read(const fs::path& path) { return read_text_file(path).value_or(""); }

const std::map<std::string, std::string> kLlama4Tokens = {{"bos_token", "<|begin_of_text|>"}, {"eos_token", "<|eot|>"}};

ChatTemplate create(const std::string& source, const std::map<std::string, std::string>& tokens) {
  return ChatTemplate::create({{{"default", source}}, tokens}).value();
}

// The request of a reference case: its messages and tools as they are, its arguments as variables.
Json conversation_of(const Json& test) {
  Json conversation = test.value("args", Json::object());
  conversation["messages"] = test["messages"];
  if (test.contains("tools")) conversation["tools"] = test["tools"];
  return conversation;
}

std::string joined(const RenderedText& rendered) {
  std::string text;
  for (const RenderedSpan& span : rendered) text += span.text;
  return text;
}

std::string text_or_error(const Result<RenderedText>& rendered) {
  return rendered ? joined(*rendered) : "error: " + rendered.error().message;
}

// The special tokens whose whole text came from the template, in order.
std::vector<std::string> trusted_specials(const RenderedText& rendered) {
  std::vector<std::string> found;
  for (const RenderedSpan& span : rendered) {
    if (!span.from_template) continue;
    for (size_t open = span.text.find("<|"); open != std::string::npos; open = span.text.find("<|", open + 1)) {
      const size_t close = span.text.find("|>", open);
      if (close != std::string::npos) found.push_back(span.text.substr(open, close + 2 - open));
    }
  }
  return found;
}

// Renders every Llama 4 case as it stands and normalised, and compares text and special tokens.
void expect_llama4_renderings(const ChatTemplate& chat) {
  const Json file = read_json(kData / "renderings.json");
  ASSERT_GT(file["llama4"].size(), 60u);
  for (const Json& test : file["llama4"]) {
    SCOPED_TRACE(test["id"].get<std::string>());
    const Json conversation = conversation_of(test);
    const auto as_given = chat.render_as_given(conversation);
    const auto normalised = chat.render(conversation);
    if (test.contains("error")) {
      EXPECT_FALSE(as_given);
      EXPECT_FALSE(normalised);
      continue;
    }
    const auto expect_equal = [](const Result<RenderedText>& found, const Json& text, const Json& specials) {
      ASSERT_TRUE(found) << found.error().message;
      EXPECT_EQ(joined(*found), text.get<std::string>());
      EXPECT_EQ(trusted_specials(*found), specials.get<std::vector<std::string>>());
    };
    // A null in a message fails in plain Jinja, and the built-in format takes some; the reference tidied these first.
    if (!test.contains("plain_jinja")) expect_equal(as_given, test["text"], test["specials"]);
    const Json& expected = test.contains("normalised") ? test["normalised"] : test;
    // Two cases show what normalising maps by their note alone: image_url, and the role developer.
    if (test["id"] == "parts-unknown") {
      EXPECT_THAT(text_or_error(normalised), HasSubstr("See <|image|>this<|eot|>"));
    } else if (test["id"] == "role-other") {
      EXPECT_THAT(text_or_error(normalised), HasSubstr("<|header_start|>system<|header_end|>\n\nBe brief.<|eot|>"));
    } else {
      expect_equal(normalised, expected["text"], expected["specials"]);
    }
  }
}

TEST(ChatTemplate, BuiltInFormatPrintsWhatLlama4TemplatesPrint) {
  const ChatTemplate chat = ChatTemplate::create({{}, kLlama4Tokens}).value();
  EXPECT_TRUE(chat.is_built_in());
  expect_llama4_renderings(chat);
}

TEST(ChatTemplate, CheckpointsOwnLlama4Template) {
  SKIP_WITHOUT_REFERENCE("chat/chat_template.jinja");
  const ChatTemplate chat = create(read(reference_data("chat/chat_template.jinja")), kLlama4Tokens);
  EXPECT_FALSE(chat.is_built_in());
  expect_llama4_renderings(chat);
}

TEST(ChatTemplate, CopiesOfTheReferenceAreWhole) {
  SKIP_WITHOUT_REFERENCE("chat/renderings.json");
  const Json reference = read_json(reference_data("chat/renderings.json"));
  const Json copy = read_json(kData / "renderings.json");
  EXPECT_EQ(copy["other"], reference["other"]);
  ASSERT_EQ(copy["llama4"].size(), reference["llama4"].size());
  for (size_t index = 0; index < copy["llama4"].size(); ++index) {
    EXPECT_EQ(copy["llama4"][index]["messages"], reference["llama4"][index]["messages"]);
    EXPECT_EQ(copy["llama4"][index].value("text", ""), reference["llama4"][index].value("text", ""));
  }
  EXPECT_EQ(read_json(kData / "jinja_cases.json"), read_json(reference_data("chat/jinja_cases.json")));
}

TEST(ChatTemplate, OtherFamilies) {
  const Json file = read_json(kData / "renderings.json");
  ASSERT_EQ(file["other"].size(), 15u);
  for (const Json& test : file["other"]) {
    const ChatTemplate chat = create(read(kData / test["template"].get<std::string>()),
                                     {{"bos_token", test["bos_token"]}, {"eos_token", test["eos_token"]}});
    const std::string found = text_or_error(chat.render(conversation_of(test)));
    if (test.contains("error"))
      EXPECT_THAT(found, HasSubstr("Roles must alternate")) << test["id"];
    else
      EXPECT_EQ(found, test["text"].get<std::string>()) << test["id"];
  }
}

TEST(ChatTemplate, OnlyTheCheckpointsTokensAreTrusted) {
  const ChatTemplate chat = create("{{ bos_token }}{{ messages[0].content }}", {{"bos_token", "<s>"}});
  const Json conversation = parse(R"({"messages": [{"role": "user", "content": "<s>"}]})");
  RenderedText rendered = chat.render(conversation).value();
  ASSERT_EQ(rendered.size(), 2u);
  EXPECT_TRUE(rendered[0].from_template);
  EXPECT_FALSE(rendered[1].from_template);
  Json forged = conversation;
  forged["bos_token"] = "<s>";
  rendered = chat.render(forged).value();
  ASSERT_EQ(rendered.size(), 1u);
  EXPECT_FALSE(rendered[0].from_template);
}

TEST(ChatTemplate, ToolUseTemplateServesRequestsWithTools) {
  const ChatTemplate chat = ChatTemplate::create({{{"default", "plain"}, {"tool_use", "tools"}}, {}}).value();
  Json conversation = parse(R"({"messages": [{"role": "user", "content": "x"}]})");
  EXPECT_EQ(text_or_error(chat.render(conversation)), "plain");
  conversation["tools"] = Json::array();
  EXPECT_EQ(text_or_error(chat.render(conversation)), "plain");
  conversation["tools"].push_back(Json::object());
  EXPECT_EQ(text_or_error(chat.render(conversation)), "tools");
  const ChatTemplate unnamed = ChatTemplate::create({{{"a", "1"}, {"b", "2"}}, {}}).value();
  EXPECT_THAT(text_or_error(unnamed.render(conversation)), HasSubstr("none named \"default\""));
}

TEST(ChatTemplate, MistakesInTemplatesNameThem) {
  const auto broken = ChatTemplate::create({{{"default", "ok"}, {"tool_use", "{% if %}"}}, {}});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message, "chat template \"tool_use\": line 1: expected an expression, found '%}'");
}

TEST(ChatTemplate, WrongConversationsAreNamed) {
  const ChatTemplate chat = ChatTemplate::create({}).value();
  const auto found = [&](const char* conversation) { return text_or_error(chat.render(parse(conversation))); };
  EXPECT_THAT(found("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(found("{}"), HasSubstr("needs \"messages\""));
  EXPECT_THAT(found(R"({"messages": []})"), HasSubstr("at least one message"));
  EXPECT_THAT(found(R"({"messages": [1]})"), HasSubstr("messages[0] must be an object"));
  EXPECT_THAT(found(R"({"messages": [{"content": "x"}]})"), HasSubstr("messages[0] needs a \"role\""));
  EXPECT_THAT(found(R"({"messages": [{"role": "user"}]})"), HasSubstr("messages[0] has no \"content\""));
  EXPECT_THAT(found(R"({"messages": [{"role": "user", "content": 5}]})"),
              HasSubstr("messages[0].content must be a text"));
  EXPECT_THAT(found(R"({"messages": [{"role": "user", "content": [{"type": "text"}]}]})"),
              HasSubstr("content[0] is of type text"));
  EXPECT_THAT(found(R"({"messages": [{"role": "user", "content": ["x"]}]})"),
              HasSubstr("content[0] must be an object"));
  EXPECT_THAT(found(R"({"messages": [{"role": "assistant", "tool_calls": [{}]}]})"),
              HasSubstr("tool_calls[0] needs a \"function\""));
  EXPECT_THAT(found(R"({"messages": [{"role": "user", "content": "x"}], "tools": {}})"),
              HasSubstr("tools must be a list"));
  EXPECT_THAT(found(R"({"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": 1})"),
              HasSubstr("add_generation_prompt must be true or false"));
  Json deep = "x";
  for (int level = 0; level < 5000; ++level) deep = Json::array({std::move(deep)});
  EXPECT_THAT(text_or_error(
                  chat.render(Json{{"messages", Json::array({Json{{"role", "tool"}, {"content", std::move(deep)}}})}})),
              HasSubstr("nested deeper"));
}

TEST(ChatTemplate, TemplatesWithoutPartsGetTexts) {
  const ChatTemplate chat = create("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}", {});
  EXPECT_EQ(
      text_or_error(chat.render(parse(
          R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]}]})"))),
      "[ab]");
  EXPECT_THAT(
      text_or_error(chat.render(
          parse(R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]})"))),
      HasSubstr("takes text only"));
}

TEST(ChatMessages, ArgumentsThatAreNoObjectStayText) {
  const auto arguments_after = [](const char* arguments) {
    Json conversation = parse(R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]})");
    conversation["messages"][0]["tool_calls"][0]["function"]["arguments"] = arguments;
    return normalise_conversation(conversation, {}).value()["messages"][0]["tool_calls"][0]["function"]["arguments"];
  };
  EXPECT_EQ(arguments_after(R"({"b": 1, "a": 2})").dump(), R"({"b":1,"a":2})");
  EXPECT_EQ(arguments_after(""), Json::object());
  EXPECT_EQ(arguments_after("[1]"), "[1]");
  EXPECT_EQ(arguments_after("{\"a\": "), "{\"a\": ");
}

TEST(ChatMessages, ReasoningHasTheNamesThatTemplatesReadItBy) {
  const Json conversation = parse(R"({"messages": [{"role": "assistant", "content": "x", "reasoning": "r"}]})");
  const Json normal = normalise_conversation(conversation, {}).value();
  EXPECT_EQ(normal["messages"][0].dump(),
            R"({"thinking":"r","role":"assistant","content":"x","reasoning":"r","reasoning_content":"r"})");
}

TEST(ChatMessages, TraitsComeFromTheSource) {
  const TemplateTraits llama4 = TemplateTraits::of(llama4_chat_template());
  EXPECT_TRUE(llama4.knows_parts);
  EXPECT_TRUE(llama4.tools_in_user_message);
  EXPECT_FALSE(llama4.knows_developer);
  const TemplateTraits plain = TemplateTraits::of("{{ messages[0].content }}{% if role == 'developer' %}{% endif %}");
  EXPECT_FALSE(plain.knows_parts);
  EXPECT_FALSE(plain.tools_in_user_message);
  EXPECT_TRUE(plain.knows_developer);
}

class ChatSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("paddock_chat_source_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "additional_chat_templates");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const char* name, std::string_view text) { std::ofstream(folder_ / name) << text; }

  fs::path folder_;
};

TEST_F(ChatSourceTest, EmptyFolderHasNone) {
  const ChatSource source = load_chat_source(folder_).value();
  EXPECT_TRUE(source.templates.empty());
  EXPECT_TRUE(source.tokens.empty());
}

TEST_F(ChatSourceTest, TokensAndTemplatesOfTokenizerConfig) {
  write(
      "tokenizer_config.json",
      R"({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": null, "add_bos_token": true,
            "extra_special_tokens": {"image_token": "<img>"}, "chat_template": "T"})");
  write("special_tokens_map.json", R"({"bos_token": "other", "unk_token": "<unk>"})");
  const ChatSource source = load_chat_source(folder_).value();
  EXPECT_EQ(source.templates, (std::map<std::string, std::string>{{"default", "T"}}));
  EXPECT_EQ(source.tokens,
            (std::map<std::string, std::string>{
                {"bos_token", "<s>"}, {"eos_token", "</s>"}, {"image_token", "<img>"}, {"unk_token", "<unk>"}}));
}

TEST_F(ChatSourceTest, ListsOfNamedTemplates) {
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "U"}]})");
  EXPECT_EQ(load_chat_source(folder_)->templates,
            (std::map<std::string, std::string>{{"default", "D"}, {"tool_use", "U"}}));
}

TEST_F(ChatSourceTest, FilesWin) {
  write("tokenizer_config.json", R"({"chat_template": "config"})");
  write("chat_template.json", R"({"chat_template": "json"})");
  EXPECT_EQ(load_chat_source(folder_)->templates.at("default"), "json");
  write("chat_template.jinja", "file");
  write("additional_chat_templates/rag.jinja", "rag");
  EXPECT_EQ(load_chat_source(folder_)->templates,
            (std::map<std::string, std::string>{{"default", "file"}, {"rag", "rag"}}));
}

TEST_F(ChatSourceTest, WrongFilesAreNamed) {
  write("tokenizer_config.json", R"({"chat_template": 5})");
  EXPECT_THAT(load_chat_source(folder_).error().message, HasSubstr("tokenizer_config.json: \"chat_template\" must be"));
  write("tokenizer_config.json", R"({"chat_template": [{"name": "x"}]})");
  EXPECT_THAT(load_chat_source(folder_).error().message, HasSubstr("tokenizer_config.json: \"chat_template\" must be"));
  write("tokenizer_config.json", "[]");
  EXPECT_THAT(load_chat_source(folder_).error().message, HasSubstr("expected a JSON object"));
}

}  // namespace
}  // namespace paddock::text
