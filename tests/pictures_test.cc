// SPDX-License-Identifier: Apache-2.0
// From picture files to tokens: the small checkpoint that sees, against what Hugging Face's implementation says.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "cli/chat_format.h"
#include "cli/eyes.h"
#include "cli/open_model.h"
#include "engine/engine.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

// The words of a golden prompt as a client's messages: its places for pictures are the pictures.
Json messages_of(const std::string& prompt, const std::vector<std::string>& images) {
  Json messages = Json::array();
  size_t image = 0;
  constexpr std::string_view kHead = "<|header_start|>", kHeadEnd = "<|header_end|>\n\n", kEnd = "<|eot|>",
                             kImage = "<|image|>";
  for (size_t at = prompt.find(kHead); at != std::string::npos; at = prompt.find(kHead, at)) {
    const size_t role = at + kHead.size(), role_end = prompt.find(kHeadEnd, role);
    const size_t begin = role_end + kHeadEnd.size(), end = prompt.find(kEnd, begin);
    at = begin;
    if (end == std::string::npos) break;  // where the answer begins
    std::string text = prompt.substr(begin, end - begin);
    Json parts = Json::array();
    while (true) {
      const size_t place = text.find(kImage);
      if (const std::string before = text.substr(0, place); !before.empty())
        parts.push_back({{"type", "text"}, {"text", before}});
      if (place == std::string::npos) break;
      const auto file = read_text_file(*reference_folder() / "vision" / images.at(image++));
      parts.push_back(prompt::picture_part(file.value()));
      text.erase(0, place + kImage.size());
    }
    messages.push_back({{"role", prompt.substr(role, role_end - role)}, {"content", parts}});
  }
  return messages;
}

class Pictures : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!reference_folder() || !std::filesystem::exists(folder()))
      GTEST_SKIP() << "the small checkpoint that sees is not there; set PADDOCK_REFERENCE";
    auto open = cli::open_model(folder());
    ASSERT_TRUE(open) << open.error().message;
    open_ = std::make_unique<cli::OpenModel>(std::move(*open));
    auto vision = cli::open_vision(*open_, options_);
    ASSERT_TRUE(vision) << vision.error().message;
    ASSERT_TRUE(*vision);
    open_->vision = std::move(*vision);
    machine_ = chosen_machine(/*exact=*/true);
    std::ifstream file(folder() + "/golden.json");
    golden_ = Json::parse(file).at("cases").at(GetParam());
  }
  static std::string folder() { return *reference_folder() / "vision/tiny-vision"; }

  prompt::PicturedPrompt prompt(cli::Eyes& eyes) const {
    const Json messages = messages_of(golden_.at("prompt"), golden_.at("images"));
    const auto chat_template = cli::read_chat_template(open_->text);
    const auto rendered = cli::render_conversation(*chat_template, messages);
    EXPECT_TRUE(rendered);
    auto prompt = prompt::read_pictures(messages, open_->text.tokenizer->encode(*rendered), eyes.reader.get(),
                                        options_.limits);
    EXPECT_TRUE(prompt) << prompt.error().message;
    return std::move(*prompt);
  }

  std::vector<int32_t> answer(const prompt::PicturedPrompt& prompt, cli::Eyes& eyes, int64_t piece) const {
    cli::ModelOptions options;
    options.prefill_batch = piece;
    const auto plan = cli::plan_run(*open_, options, 300, *machine_);
    EXPECT_TRUE(plan);
    const auto model = llama4::load_model(open_->checkpoint, open_->config, machine_.get());
    EXPECT_TRUE(model);
    auto engine = engine::Engine::create(*model, *plan, {.pictures = eyes.store});
    EXPECT_TRUE(engine);
    engine::Request request;
    request.prompt = prompt.tokens;
    request.pictures = prompt.pictures;
    request.sampling.temperature = 0;
    request.max_tokens = static_cast<int64_t>(golden_.at("greedy").size());
    std::vector<int32_t> tokens;
    request.listener = [&](const engine::Event& event) {
      if (event.token) tokens.push_back(*event.token);
    };
    EXPECT_TRUE((*engine)->submit(std::move(request)));
    while ((*engine)->step()) {
    }
    return tokens;
  }

  cli::VisionOptions options_;
  std::unique_ptr<cli::OpenModel> open_;
  std::unique_ptr<kernels::Machine> machine_;
  Json golden_;
};

TEST_P(Pictures, FilesBecomeTheSameTokens) {
  for (const int64_t at_once : {1, 4}) {
    options_.tiles_at_once = at_once;
    auto eyes = cli::open_eyes(*open_, *open_->vision, options_, machine_.get());
    ASSERT_TRUE(eyes) << eyes.error().message;
    const prompt::PicturedPrompt asked = prompt(*eyes);
    EXPECT_EQ(asked.tokens, golden_.at("prompt_tokens").get<std::vector<int32_t>>());
    for (const int64_t piece : {7, 64})
      EXPECT_EQ(answer(asked, *eyes, piece), golden_.at("greedy").get<std::vector<int32_t>>()) << piece;
    EXPECT_EQ(eyes->store->counts().encoded_tiles, golden_.at("tiles").get<int64_t>());  // for all answers
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Pictures, testing::Values("t1", "t2", "t5", "mixed"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace paddock::test
