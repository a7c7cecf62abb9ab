// SPDX-License-Identifier: Apache-2.0
// A model with adapters against the model that they were merged into, and requests of several adapters beside each
// other: each as if it were alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "cache/prefix_folder.h"
#include "engine/adapter_shelf.h"
#include "engine/engine.h"
#include "engine/score.h"
#include "llama4/identity.h"
#include "tests/support/adapters.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using engine::AdapterShelf;
using testing::HasSubstr;
using AdapterPointer = std::shared_ptr<const llama4::Adapter>;

std::vector<int32_t> text_with(size_t length, int32_t seed, const llama4::Config& config) {
  std::vector<int32_t> text(length);
  for (size_t index = 0; index < length; ++index)
    text[index] = static_cast<int32_t>((static_cast<int64_t>(index) * 37 + seed * 11) %
                                       std::min<int64_t>(config.vocabulary, 1000));
  return text;
}

// Of every position, the text cut into pieces of 7.
std::vector<float> logits_of(const llama4::Model& model, const llama4::MemoryPlan& plan,
                             std::span<const int32_t> tokens, const llama4::Adapter* adapter) {
  std::vector<float> logits;
  engine::ScoreSinks sinks;
  sinks.logits = [&](int64_t, std::span<const float> row) { logits.insert(logits.end(), row.begin(), row.end()); };
  const auto score = engine::score(model, plan, tokens, sinks, {}, adapter);
  EXPECT_TRUE(score) << score.error().message;
  return logits;
}

struct Asked {
  std::vector<int32_t> prompt;
  AdapterPointer adapter;
  float temperature = 0;
  int64_t tokens = 12;
};
struct Heard {
  std::vector<int32_t> tokens;
  std::optional<engine::FinishReason> finished;
  int64_t reused = 0;
};

void submit(engine::Engine& engine, const Asked& asked, Heard* heard) {
  engine::Request request;
  request.prompt = asked.prompt;
  request.adapter = asked.adapter;
  request.sampling = {.temperature = asked.temperature, .seed = 5};
  request.max_tokens = asked.tokens;
  request.listener = [heard](const engine::Event& event) {
    if (event.token) heard->tokens.push_back(*event.token);
    if (event.finished) heard->finished = event.finished;
    heard->reused = event.prompt_reused;
  };
  const auto id = engine.submit(std::move(request));
  ASSERT_TRUE(id) << id.error().message;
}

std::vector<Heard> ask_all(engine::Engine& engine, const std::vector<Asked>& all) {
  std::vector<Heard> heard(all.size());
  for (size_t index = 0; index < all.size(); ++index) submit(engine, all[index], &heard[index]);
  while (engine.step()) {
  }
  return heard;
}

class AdapterTest : public testing::Test {
 protected:
  void open(const fs::path& path, bool exact = true, int threads = 2) {
    auto machine = chosen_machine(exact, threads);
    ASSERT_NE(machine, nullptr);
    loaded_ = load(path, std::move(machine));
    ASSERT_NE(loaded_, nullptr);
  }
  void open_scout(bool exact = true, int threads = 2) { open(data_folder() / "text" / "tiny-scout", exact, threads); }
  AdapterPointer random_adapter(const std::string& name, const AdapterRecipe& recipe = {}) {
    write_random_adapter(loaded_->model.config, scratch_.path(name), recipe);
    return load_adapter(*loaded_, scratch_.path(name));
  }
  std::unique_ptr<engine::Engine> start(const llama4::Model& model, int64_t sequences = 4, int64_t piece = 32,
                                        const engine::EngineOptions& options = {}) {
    auto engine = engine::Engine::create(model, plan_for(*loaded_, 300, sequences, piece), options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }
  std::unique_ptr<engine::Engine> start() { return start(loaded_->model); }

  // The greedy answers, and the logits of a text, are those of the merged model.
  void expect_as_merged(const std::string& name, const AdapterPointer& adapter) {
    ASSERT_NE(adapter, nullptr);
    const auto merged = merge(*loaded_, scratch_.path(name));
    const auto text = text_with(70, 3, loaded_->model.config);
    const auto plan = plan_for(*loaded_, 300, 1, 7);
    const auto with = logits_of(loaded_->model, plan, text, adapter.get()),
               wanted = logits_of(merged->model, plan, text, nullptr),
               without = logits_of(loaded_->model, plan, text, nullptr);
    EXPECT_LT(largest_difference(with, wanted), kFloatTolerance);
    EXPECT_GT(largest_difference(with, without), 0.05f) << "an adapter that changes nothing shows nothing";
    const Asked asked{text, adapter, 0, 24}, plainly{text, nullptr, 0, 24};
    EXPECT_EQ(ask_all(*start(), {asked})[0].tokens, ask_all(*start(merged->model), {plainly})[0].tokens);
  }

  std::unique_ptr<LoadedModel> loaded_;
  ScratchFolder scratch_;
};

TEST_F(AdapterTest, IsTheMergedModel) {
  for (const char* name : {"tiny-scout", "tiny-maverick", "tiny-odd", "tiny-llama", "tiny-fp8"}) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(open(data_folder() / "text" / name));
    for (const bool outputs_first : {false, true}) {
      const std::string folder = std::string(name) + (outputs_first ? "-old" : "-new");
      expect_as_merged(folder, random_adapter(folder, {.outputs_first = outputs_first}));
    }
  }
}

TEST_F(AdapterTest, IsTheMergedModelOverQuantisedWeights) {
  const auto reference = reference_folder();
  if (!reference) GTEST_SKIP() << "no reference set: PADDOCK_REFERENCE names none";
  for (const char* name : {"tiny-k-q4_k_m.gguf", "tiny-k-q8_0.gguf"}) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(open(*reference / "gguf" / name));
    expect_as_merged(name, random_adapter(name));
  }
}

// PEFT's own adapter and what PyTorch computes from its merged weights, document by document.
TEST_F(AdapterTest, HasTheLogitsOfTheReference) {
  const auto reference = reference_folder();
  if (!reference) GTEST_SKIP() << "no reference set: PADDOCK_REFERENCE names none";
  const fs::path folder = *reference / "training";
  ASSERT_NO_FATAL_FAILURE(open(folder / "micro"));
  const auto batches = checkpoint::Checkpoint::open(folder / "micro" / "batches.safetensors");
  const auto golden = checkpoint::Checkpoint::open(folder / "lora" / "forward.safetensors");
  ASSERT_TRUE(batches && golden);
  const auto tokens = integers(*batches, "tokens"), positions = integers(*batches, "positions");
  const FloatTensor wanted = floats(*golden, "logits_merged");
  const auto vocabulary = static_cast<size_t>(wanted.shape.back());
  for (const fs::path& adapter_folder : {folder / "lora", folder / "lora" / "peft-0.18-layout"}) {
    const auto adapter = load_adapter(*loaded_, adapter_folder);
    ASSERT_NE(adapter, nullptr);
    const auto rows = wanted.values.size() / vocabulary;  // of batch 0
    for (size_t begin = 0, end = 0; begin < rows; begin = end) {
      for (end = begin + 1; end < rows && positions[end] != 0;) ++end;
      const auto found = logits_of(loaded_->model, plan_for(*loaded_, 100, 1, 7),
                                   std::span(tokens).subspan(begin, end - begin), adapter.get());
      EXPECT_LT(
          largest_difference(found, std::span(wanted.values).subspan(begin * vocabulary, (end - begin) * vocabulary)),
          5e-5f)
          << adapter_folder << ", row " << begin;
    }
  }
}

// Rounded activations and all: bits of a request do not depend on whose rows stand beside it, nor on threads.
TEST_F(AdapterTest, ARequestIsAsIfItWereAlone) {
  std::vector<std::vector<int32_t>> first;
  for (const int threads : {1, 2}) {
    ASSERT_NO_FATAL_FAILURE(open_scout(false, threads));
    const AdapterPointer one = random_adapter("one", {.seed = 1}), two = random_adapter("two", {.seed = 2, .rank = 5}),
                         attention = random_adapter("three", {.seed = 3, .rank = 1, .deviation = 0.5f});
    std::vector<Asked> all;
    int32_t seed = 0;
    for (const AdapterPointer& adapter : {AdapterPointer(), one, two, AdapterPointer(), attention, one, two, one}) {
      ++seed;
      all.push_back(
          {text_with(static_cast<size_t>(5 + 9 * seed), seed, loaded_->model.config), adapter, 1.5f, 20 + seed});
    }
    const std::vector<Heard> crowd = ask_all(*start(loaded_->model, 8), all);
    std::vector<std::vector<int32_t>> tokens;
    for (size_t index = 0; index < all.size(); ++index) {
      EXPECT_EQ(crowd[index].tokens, ask_all(*start(loaded_->model, 1, 64), {all[index]})[0].tokens) << index;
      tokens.push_back(crowd[index].tokens);
    }
    if (first.empty()) first = tokens;
    EXPECT_EQ(tokens, first) << threads << " threads";
  }
}

// Logits of base rows: not alike, the same bits.
TEST_F(AdapterTest, RowsWithoutOneKeepTheirBits) {
  ASSERT_NO_FATAL_FAILURE(open_scout(false));
  const AdapterPointer adapter = random_adapter("one");
  const auto plan = plan_for(*loaded_, 64, 2, 40);
  const auto text = text_with(20, 1, loaded_->model.config);
  const auto logits = [&](bool with_company) {
    cache::KvCache cache(cache_shape(loaded_->model.config, plan.cache), plan.cache_pages, plan.limits.tokens);
    auto memory =
        llama4::KvMemory::allocate(loaded_->model.config, cache.shape(), plan.cache_pages, loaded_->machine.get());
    auto activations = llama4::allocate_activations(loaded_->model.config, plan.limits, loaded_->machine.get());
    auto mine = cache.begin(), other = cache.begin();
    EXPECT_TRUE(mine.extend(20) && other.extend(20));
    std::vector<llama4::StepSequence> sequences;
    if (with_company) sequences.push_back({text, 0, &other, adapter.get()});
    sequences.push_back({text, 0, &mine});
    const std::vector<int32_t> rows = {static_cast<int32_t>(20 * sequences.size() - 1)};
    llama4::forward(loaded_->model, {sequences, rows}, *memory, &*activations);
    std::vector<float> row(static_cast<size_t>(loaded_->model.config.vocabulary));
    loaded_->machine->read(activations->logits_RV.address, std::as_writable_bytes(std::span(row)));
    return row;
  };
  EXPECT_EQ(logits(true), logits(false));
}

TEST_F(AdapterTest, TheSameTextUnderAnotherIsAnotherText) {
  ASSERT_NO_FATAL_FAILURE(open_scout());
  const AdapterPointer one = random_adapter("one", {.seed = 1}), two = random_adapter("two", {.seed = 2}),
                       again = load_adapter(*loaded_, scratch_.path("one"));
  const auto text = text_with(100, 4, loaded_->model.config);
  const auto engine = start();
  std::vector<std::vector<int32_t>> answers;
  for (const AdapterPointer& adapter : {AdapterPointer(), one, two}) {
    const Heard first = ask_all(*engine, {{text, adapter}})[0], second = ask_all(*engine, {{text, adapter}})[0];
    EXPECT_EQ(first.reused, 0) << "of another's";
    EXPECT_GT(second.reused, 80) << "of its own";
    EXPECT_EQ(first.tokens, second.tokens);
    answers.push_back(first.tokens);
  }
  EXPECT_NE(answers[0], answers[1]);
  EXPECT_NE(answers[1], answers[2]);
  const Heard reloaded = ask_all(*engine, {{text, again}})[0];
  EXPECT_GT(reloaded.reused, 80) << "the same adapter, loaded once more";
  EXPECT_EQ(reloaded.tokens, answers[1]);
  // At once: who waits for a text that another one reads waits for one of its own adapter.
  const auto together = start();
  const auto heard = ask_all(*together, {{text, one}, {text, two}, {text, nullptr}, {text, one}});
  EXPECT_EQ(heard[0].tokens, answers[1]);
  EXPECT_EQ(heard[1].tokens, answers[2]);
  EXPECT_EQ(heard[2].tokens, answers[0]);
  EXPECT_EQ(heard[3].tokens, answers[1]);
  EXPECT_EQ(heard[1].reused + heard[2].reused, 0);
  EXPECT_GT(heard[3].reused, 80);
}

TEST_F(AdapterTest, WhatTheDiskKeepsIsOfOneAdapter) {
  ASSERT_NO_FATAL_FAILURE(open_scout());
  const AdapterPointer one = random_adapter("one", {.seed = 1}), two = random_adapter("two", {.seed = 2});
  const auto text = text_with(100, 4, loaded_->model.config);
  const auto begin = [&] {
    auto folder =
        cache::PrefixFolder::open(scratch_.path("prefixes"), 100 << 20,
                                  llama4::identity_of(*loaded_->checkpoint, loaded_->model.config, *loaded_->machine),
                                  llama4::cache_shape(loaded_->model.config, plan_for(*loaded_, 300, 1, 64).cache));
    EXPECT_TRUE(folder) << folder.error().message;
    return start(loaded_->model, 2, 64, {.prefix_folder = std::shared_ptr(std::move(*folder)), .least_kept = 1});
  };
  std::vector<Heard> before;
  {
    const auto engine = begin();
    for (const AdapterPointer& adapter : {one, AdapterPointer()})
      before.push_back(ask_all(*engine, {{text, adapter}})[0]);
  }
  const auto engine = begin();
  EXPECT_EQ(ask_all(*engine, {{text, two}})[0].reused, 0);
  const Heard with = ask_all(*engine, {{text, one}})[0], without = ask_all(*engine, {{text, nullptr}})[0];
  EXPECT_GT(with.reused, 80);
  EXPECT_EQ(with.tokens, before[0].tokens);
  EXPECT_GT(without.reused, 80);
  EXPECT_EQ(without.tokens, before[1].tokens);
}

TEST_F(AdapterTest, AShelfIsBounded) {
  ASSERT_NO_FATAL_FAILURE(open_scout());
  write_random_adapter(loaded_->model.config, scratch_.path("one"));
  const size_t bytes = load_adapter(*loaded_, scratch_.path("one"))->bytes();
  const std::shared_ptr<const llama4::Model> model(std::shared_ptr<void>(), &loaded_->model);
  AdapterShelf shelf(model, 2 * bytes);
  ASSERT_TRUE(shelf.load("a", scratch_.path("one")));
  ASSERT_TRUE(shelf.load("b", scratch_.path("one")));
  EXPECT_EQ(shelf.bytes(), 2 * bytes);
  const auto third = shelf.load("c", scratch_.path("one"));
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("expected at most the 0 bytes that are left"));
  EXPECT_THAT(shelf.load("a", scratch_.path("one")).error().message, HasSubstr("a name of its own"));
  // A request's hold on it counts.
  auto held = shelf.find("a");
  EXPECT_TRUE(shelf.unload("a"));
  EXPECT_FALSE(shelf.unload("a"));
  EXPECT_EQ(shelf.find("a"), nullptr);
  EXPECT_FALSE(shelf.load("c", scratch_.path("one")));
  held.reset();
  EXPECT_EQ(shelf.bytes(), bytes);
  EXPECT_TRUE(shelf.load("c", scratch_.path("one")));
  EXPECT_EQ(shelf.all().size(), 2u);
}

TEST_F(AdapterTest, ComesAndGoesWhileOthersRun) {
  ASSERT_NO_FATAL_FAILURE(open_scout());
  write_random_adapter(loaded_->model.config, scratch_.path("one"));
  write_random_adapter(loaded_->model.config, scratch_.path("two"), {.seed = 2});
  const std::shared_ptr<const llama4::Model> model(std::shared_ptr<void>(), &loaded_->model);
  AdapterShelf shelf(model, size_t{1} << 30);
  ASSERT_TRUE(shelf.load("one", scratch_.path("one")));
  const Asked asked{text_with(50, 1, loaded_->model.config), shelf.find("one")->adapter, 1.5f, 60};
  const std::vector<int32_t> alone = ask_all(*start(), {asked})[0].tokens;
  const auto engine = start();
  Heard heard;
  submit(*engine, asked, &heard);
  ASSERT_TRUE(engine->step());
  EXPECT_TRUE(shelf.unload("one"));
  std::atomic<bool> stop{false};
  std::thread loader([&] {
    while (!stop) {
      EXPECT_TRUE(shelf.load("two", scratch_.path("two")));
      EXPECT_TRUE(shelf.unload("two"));
    }
  });
  while (engine->step()) {
  }
  stop = true;
  loader.join();
  EXPECT_EQ(heard.finished, engine::FinishReason::kLength);
  EXPECT_EQ(heard.tokens, alone);
}

TEST_F(AdapterTest, WhatCannotBeServedIsRefused) {
  ASSERT_NO_FATAL_FAILURE(open_scout());
  const auto refusal = [&](const std::string& name, size_t bytes = size_t{1} << 30) {
    const auto adapter = llama4::Adapter::load(scratch_.path(name), loaded_->model.config, loaded_->machine.get(),
                                               std::make_shared<llama4::AdapterMemory>(bytes));
    return adapter ? "it was loaded" : adapter.error().message;
  };
  write_random_adapter(loaded_->model.config, scratch_.path("router"), {.with_router = true});
  EXPECT_THAT(refusal("router"), HasSubstr("router.weight: expected updates of attention"));
  write_random_adapter(loaded_->model.config, scratch_.path("wide"), {.rank = llama4::kMostAdapterRank + 1});
  EXPECT_THAT(refusal("wide"), HasSubstr("expected a rank of at most 512, found 513"));
  write_random_adapter(loaded_->model.config, scratch_.path("good"));
  EXPECT_THAT(refusal("good", 1000), HasSubstr("give adapters more memory"));
  EXPECT_THAT(refusal("none"), HasSubstr("adapter_config.json"));
  fs::resize_file(scratch_.path("good") + "/adapter_model.safetensors", 5000);
  EXPECT_THAT(refusal("good"), HasSubstr("adapter_model.safetensors"));
  auto other = loaded_->model.config;
  other.width *= 2;
  write_random_adapter(other, scratch_.path("other"));
  EXPECT_THAT(refusal("other"), HasSubstr("for this model, found"));
}

// Files of the older Llamas in GGUF keep a head's pairs side by side: the outputs of q and k are moved as the converter
// moves them, which is what Hugging Face's halves turned by pairs of neighbours come to.
TEST_F(AdapterTest, MovesHeadsWhereTheFileHasMovedThem) {
  ASSERT_NO_FATAL_FAILURE(open(data_folder() / "text" / "tiny-llama"));
  const AdapterPointer as_published = random_adapter("one");
  llama4::Config moved = loaded_->model.config;
  moved.names = llama4::TensorNames::kGguf;
  moved.rope_pairs = kernels::RopePairs::kInterleaved;
  const auto adapter = llama4::Adapter::load(scratch_.path("one"), moved, loaded_->machine.get(),
                                             std::make_shared<llama4::AdapterMemory>(size_t{1} << 30));
  ASSERT_TRUE(adapter) << adapter.error().message;
  const auto up_of = [&](const kernels::LowRank& update) {
    std::vector<float> values(static_cast<size_t>(update.outputs));
    loaded_->machine->read(update.up, std::as_writable_bytes(std::span(values)));
    return values;
  };
  const auto width = static_cast<size_t>(moved.head_width), half = width / 2;
  const auto published = up_of(as_published->layer(0).q), found = up_of((*adapter)->layer(0).q);
  for (size_t head = 0; head < found.size(); head += width)
    for (size_t pair = 0; pair < half; ++pair) {
      EXPECT_EQ(found[head + 2 * pair], published[head + pair]);
      EXPECT_EQ(found[head + 2 * pair + 1], published[head + half + pair]);
    }
  EXPECT_EQ(up_of((*adapter)->layer(0).v), up_of(as_published->layer(0).v));
}

}  // namespace
}  // namespace paddock::test
