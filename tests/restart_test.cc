// SPDX-License-Identifier: Apache-2.0
// What an engine remembers in a folder, and another one begins with: the same tokens, and only what is missing
// computed.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "cache/prefix_folder.h"
#include "engine/engine.h"
#include "llama4/identity.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;

struct KeptAnswer {
  std::vector<int32_t> tokens;
  bool is_finished = false;
  int64_t reused = 0;
};

std::vector<int32_t> text_of(size_t length, int32_t seed) {
  std::vector<int32_t> text(length);
  for (size_t index = 0; index < length; ++index)
    text[index] = static_cast<int32_t>((static_cast<int32_t>(index) * 37 + seed * 11) % 1000);
  return text;
}

// Chunks of 32 positions, pages of 16.
class RestartTest : public testing::TestWithParam<tensor::KvFormat> {
 protected:
  void SetUp() override {
    loaded_ = load(data_folder() / "text" / "tiny-scout");
    ASSERT_NE(loaded_, nullptr);
    cache_ = GetParam();
  }
  std::shared_ptr<cache::PrefixFolder> open_folder(uint64_t limit = 100 << 20) {
    auto folder = cache::PrefixFolder::open(
        scratch_.path("prefixes"), limit,
        llama4::identity_of(*loaded_->checkpoint, loaded_->model.config, *loaded_->machine),
        llama4::cache_shape(loaded_->model.config, plan_for(*loaded_, 300, 1, 64, cache_).cache));
    EXPECT_TRUE(folder) << folder.error().message;
    return folder ? std::shared_ptr(std::move(*folder)) : nullptr;
  }
  // As after a restart: nothing is in memory.
  std::unique_ptr<engine::Engine> start(std::shared_ptr<cache::PrefixFolder> folder, int64_t sequences = 2,
                                        int64_t piece = 64) {
    auto engine = engine::Engine::create(loaded_->model, plan_for(*loaded_, 300, sequences, piece, cache_),
                                         {.prefix_folder = std::move(folder), .least_kept = 1});
    EXPECT_TRUE(engine);
    return std::move(*engine);
  }
  static void submit(engine::Engine& engine, std::vector<int32_t> prompt, int64_t tokens, KeptAnswer* answer) {
    engine::Request request;
    request.prompt = std::move(prompt);
    request.sampling = {.temperature = 1.5f, .seed = 3};
    request.max_tokens = tokens;
    request.listener = [answer](const engine::Event& event) {
      if (event.token) answer->tokens.push_back(*event.token);
      answer->is_finished = event.finished.has_value();
      answer->reused = event.prompt_reused;
    };
    ASSERT_TRUE(engine.submit(std::move(request)));
  }
  static void finish(engine::Engine& engine) {
    while (engine.step()) {
    }
  }
  static KeptAnswer ask(engine::Engine& engine, std::vector<int32_t> prompt, int64_t tokens) {
    KeptAnswer answer;
    submit(engine, std::move(prompt), tokens, &answer);
    finish(engine);
    EXPECT_TRUE(answer.is_finished);
    return answer;
  }
  std::vector<fs::path> files(const std::string& ending) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(scratch_.path("prefixes")))
      if (entry.path().extension() == ending) found.push_back(entry.path());
    return found;
  }

  std::unique_ptr<LoadedModel> loaded_;
  ScratchFolder scratch_;
  tensor::KvFormat cache_;
};

INSTANTIATE_TEST_SUITE_P(Caches, RestartTest,
                         testing::Values(tensor::DType::kF32, tensor::DType::kF16, tensor::DType::kBF16,
                                         tensor::DType::kQ8_0, tensor::DType::kQ4_1,
                                         tensor::KvFormat(tensor::DType::kQ8_0, tensor::DType::kQ4_1)),
                         [](const auto& cache) {
                           std::string name = cache.param.name();
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

// A text that ends within a page, with a page, with a chunk, and one position behind it.
TEST_P(RestartTest, AConversationGoesOnWithoutBeingComputedAgain) {
  for (const size_t length : {5, 20, 40, 47, 64, 65, 90, 96, 130}) {
    std::vector<int32_t> text = text_of(length, static_cast<int32_t>(length));
    const KeptAnswer first = ask(*start(open_folder()), text, 3);
    text.insert(text.end(), first.tokens.begin(), first.tokens.end());
    text.insert(text.end(), {7, 8, 9});
    const KeptAnswer fresh = ask(*start(nullptr), text, 12);
    const auto engine = start(open_folder());
    const KeptAnswer again = ask(*engine, text, 12);
    EXPECT_EQ(again.tokens, fresh.tokens) << length;
    EXPECT_EQ(again.reused, static_cast<int64_t>(length) + 2) << "the last token of the answer was never computed";
    EXPECT_EQ(engine->counts().computed_tokens, 4 + 11);
  }
}

TEST_P(RestartTest, AnotherPromptReusesWhatItShares) {
  ask(*start(open_folder()), text_of(100, 1), 4);
  std::vector<int32_t> prompt = text_of(100, 1);
  prompt.resize(99);  // within the chunk and the page that the first ended in
  prompt.insert(prompt.end(), {3, 4});
  const KeptAnswer answer = ask(*start(open_folder()), prompt, 8);
  EXPECT_EQ(answer.reused, 99);
  EXPECT_EQ(answer.tokens, ask(*start(nullptr), prompt, 8).tokens);

  // In an earlier chunk of which the local layers' pages were not kept: from its edge on.
  prompt.resize(70);
  prompt.insert(prompt.end(), {5, 6});
  const KeptAnswer earlier = ask(*start(open_folder()), prompt, 8);
  EXPECT_EQ(earlier.reused, 64);
  EXPECT_EQ(earlier.tokens, ask(*start(nullptr), prompt, 8).tokens);
}

// At a chunk's edge the global layers' pages are enough.
TEST_P(RestartTest, ATextThatEndsWithAChunkIsKeptWithoutLocalPages) {
  ask(*start(open_folder()), text_of(64, 1), 1);
  EXPECT_EQ(files(".global").size(), 4u);
  EXPECT_EQ(files(".local").size(), 0u);
}

// A request that another one's pages come for, and one that has nothing to wait for.
TEST_P(RestartTest, ManyAtOnceGetTheSameTokens) {
  constexpr int kTexts = 4;
  {
    const auto engine = start(open_folder());
    for (int text = 0; text < kTexts; ++text) ask(*engine, text_of(50 + 20 * static_cast<size_t>(text), text), 2);
  }
  const auto engine = start(open_folder(), 4, 16);
  std::vector<std::vector<int32_t>> prompts;
  for (int index = 0; index < 3 * kTexts; ++index) {
    prompts.push_back(text_of(50 + 20 * static_cast<size_t>(index % kTexts), index % kTexts));
    if (index >= kTexts) prompts.back().push_back(index);
    if (index % 5 == 4) prompts.back()[0] = 999;
  }
  std::vector<KeptAnswer> answers(prompts.size());
  for (size_t index = 0; index < prompts.size(); ++index) {
    submit(*engine, prompts[index], 10, &answers[index]);
    engine->step();
  }
  finish(*engine);
  int64_t reused = 0;
  for (size_t index = 0; index < prompts.size(); ++index) {
    EXPECT_TRUE(answers[index].is_finished);
    EXPECT_EQ(answers[index].tokens, ask(*start(nullptr), prompts[index], 10).tokens) << index;
    if (prompts[index][0] != 999) {
      EXPECT_GT(answers[index].reused, 40) << index;
    } else {
      EXPECT_LT(answers[index].reused, 16) << index;
    }
    reused += answers[index].reused;
  }
  EXPECT_GT(reused, 500);
}

TEST_P(RestartTest, WhatIsDamagedIsComputed) {
  const std::vector<int32_t> text = text_of(90, 1);
  ask(*start(open_folder()), text, 2);
  const KeptAnswer fresh = ask(*start(nullptr), text, 6);
  for (const char* ending : {".local", ".global"}) {
    const fs::path path = files(ending)[0];
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
    file.put('x').put('y').put('z');
    file.close();
    const auto folder = open_folder();
    const auto engine = start(folder);
    EXPECT_EQ(ask(*engine, text, 6).tokens, fresh.tokens);
    EXPECT_EQ(folder->counts().discarded, 1);
  }
  EXPECT_EQ(ask(*start(open_folder()), text, 6).reused, 89) << "and was written again";
}

// The disk has room for one of two texts: the one that served last is found.
TEST_P(RestartTest, TheFolderStaysWithinItsBytes) {
  ask(*start(open_folder()), text_of(90, 1), 2);
  const uint64_t limit = open_folder()->counts().bytes * 3 / 2;
  {
    const auto folder = open_folder(limit);
    ask(*start(folder), text_of(90, 2), 2);
  }
  EXPECT_LE(open_folder(limit)->counts().bytes, limit);
  EXPECT_EQ(ask(*start(open_folder(limit)), text_of(90, 2), 2).reused, 89);
  EXPECT_LT(ask(*start(open_folder(limit)), text_of(90, 1), 2).reused, 89);
}

TEST_P(RestartTest, ShortTextsAreWrittenOnceTheyServeAgain) {
  const auto plan = plan_for(*loaded_, 300, 2, 64, cache_);
  const auto folder = open_folder();
  const auto engine = std::move(*engine::Engine::create(loaded_->model, plan, {.prefix_folder = folder}));
  ask(*engine, text_of(40, 1), 2);
  finish(*engine);
  std::vector<int32_t> other = text_of(40, 1);
  other.push_back(5);
  ask(*engine, text_of(30, 2), 2);
  folder->wait(0.05);
  EXPECT_EQ(folder->counts().written, 0);
  ask(*engine, other, 2);
  for (int tries = 0; tries < 1000 && folder->counts().written < 4; ++tries) folder->wait(0.01);
  EXPECT_EQ(folder->counts().written, 4) << "three pages of the global layers, one of the local ones";
}

TEST_P(RestartTest, AWaitingRequestCanBeCancelled) {
  ask(*start(open_folder()), text_of(200, 1), 2);
  const auto engine = start(open_folder());
  KeptAnswer answer, other;
  submit(*engine, text_of(200, 1), 5, &answer);
  engine->step();
  engine->cancel(1);
  submit(*engine, text_of(200, 1), 5, &other);
  finish(*engine);
  EXPECT_TRUE(answer.is_finished && answer.tokens.empty());
  EXPECT_EQ(other.reused, 199);
}

TEST(Identity, DiffersWithWeightsConfigurationAndArithmetic) {
  const auto scout = load(data_folder() / "text" / "tiny-scout"), odd = load(data_folder() / "text" / "tiny-odd");
  const auto identity = [](const LoadedModel& of, const llama4::Config& config, const kernels::Machine& machine) {
    return llama4::identity_of(*of.checkpoint, config, machine);
  };
  const Digest one = identity(*scout, scout->model.config, *scout->machine);
  EXPECT_EQ(identity(*scout, scout->model.config, *scout->machine), one);
  EXPECT_NE(identity(*odd, scout->model.config, *scout->machine), one);
  llama4::Config changed = scout->model.config;
  changed.rope_frequencies.back() *= 2;
  EXPECT_NE(identity(*scout, changed, *scout->machine), one);
  // Where a machine multiplies these weights in one way alone, exact or not, its keys and values are the same.
  const auto exact = chosen_machine(true), rounded = chosen_machine(false);
  const bool is_one_way = exact->path_of(tensor::DType::kBF16) == rounded->path_of(tensor::DType::kBF16);
  EXPECT_EQ(identity(*scout, scout->model.config, *exact) == identity(*scout, scout->model.config, *rounded),
            is_one_way);
}

}  // namespace
}  // namespace paddock::test
