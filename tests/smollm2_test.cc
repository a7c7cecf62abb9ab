// SPDX-License-Identifier: Apache-2.0
// A real model, the default one: prompts, greedy answers and the likelihood of a text.

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "cli/chat_format.h"
#include "cli/model_text.h"
#include "engine/engine.h"
#include "engine/score.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

// Below this gap between the two best logits another order of sums may choose the other token.
constexpr double kNearTie = 0.05;

// PADDOCK_SMOLLM2, or where ./run keeps the default model.
std::optional<std::filesystem::path> default_model() {
  if (const char* named = std::getenv("PADDOCK_SMOLLM2")) return named;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder =
      cache != nullptr ? cache : std::filesystem::path(home == nullptr ? "/" : home) / ".cache";
  folder = folder / "paddock" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(folder)) return std::nullopt;
  return folder;
}

class SmolLm2Test : public testing::Test {
 protected:
  void SetUp() override {
#ifdef PADDOCK_SANITIZED
    GTEST_SKIP() << "a real model takes minutes under sanitizers; the small ones cover the same code";
#endif
    const auto path = default_model();
    const auto reference = reference_folder();
    if (!path) GTEST_SKIP() << "the default model is not there: ./run fetches it, or PADDOCK_SMOLLM2 names it";
    if (!reference) GTEST_SKIP() << "its golden numbers are in the reference set; PADDOCK_REFERENCE names no folder";
    const std::string golden = (*reference / "smollm2" / "golden.json").string();
    golden_ = parse_json(read_text_file(golden).value(), golden).value();
    loaded_ = load(*path, chosen_machine(true));  // the reference does not round activations
    ASSERT_NE(loaded_, nullptr);
  }

  std::vector<int32_t> greedy(const std::vector<int32_t>& prompt, size_t tokens) {
    std::vector<int32_t> answer;
    const auto plan = plan_for(*loaded_, static_cast<int64_t>(prompt.size() + tokens), 1, 128, tensor::DType::kF32, 64);
    auto engine = engine::Engine::create(loaded_->model, plan);
    engine::Request request;
    request.prompt = prompt;
    request.sampling.temperature = 0;
    request.listener = [&](const engine::Event& event) {
      if (event.token) answer.push_back(*event.token);
    };
    EXPECT_TRUE((*engine)->submit(std::move(request)));
    while ((*engine)->step()) {
    }
    return answer;
  }

  Json golden_;
  std::unique_ptr<LoadedModel> loaded_;
};

TEST_F(SmolLm2Test, ChatsAreRenderedEncodedAndAnswered) {
  const auto text = cli::read_model_text(*loaded_->checkpoint);
  ASSERT_TRUE(text) << text.error().message;
  const auto chat = cli::read_chat_template(*text);
  ASSERT_TRUE(chat) << chat.error().message;
  for (const Json& expected : golden_.at("chats")) {
    const auto rendered = cli::render_conversation(*chat, Json{{"messages", expected["messages"]}});
    ASSERT_TRUE(rendered) << rendered.error().message;
    std::string joined;
    for (const auto& span : *rendered) joined += span.text;
    EXPECT_EQ(joined, expected["rendered"].get<std::string>());
    const auto ids = text->tokenizer->encode(*rendered);
    EXPECT_EQ(ids, expected["ids"].get<std::vector<int32_t>>());

    const auto gaps = expected["gaps"].get<std::vector<double>>();
    auto answer = expected["greedy"].get<std::vector<int32_t>>();
    const size_t sure = static_cast<size_t>(
        std::find_if(gaps.begin(), gaps.end(), [](double gap) { return gap < kNearTie; }) - gaps.begin());
    ASSERT_GE(sure, 1u);
    answer.resize(std::min(answer.size(), sure));
    EXPECT_EQ(greedy(ids, answer.size()), answer);
  }
}

TEST_F(SmolLm2Test, MeanNll) {
  auto tokens = golden_.at("nll").at("ids").get<std::vector<int32_t>>();
  tokens.resize(512);
  const auto score = engine::score(loaded_->model, plan_for(*loaded_, 512, 1, 128, tensor::DType::kF16, 64), tokens);
  ASSERT_TRUE(score) << score.error().message;
  EXPECT_NEAR(score->mean_nll, golden_.at("nll").at("mean_nll_first_512").get<double>(), 0.002);
}

}  // namespace
}  // namespace paddock::test
