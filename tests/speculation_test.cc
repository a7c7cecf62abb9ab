// SPDX-License-Identifier: Apache-2.0
// Guesses may make answers come sooner and change nothing else: the same tokens, ends and likelihoods as without them.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

struct GuessedAnswer {
  std::vector<int32_t> tokens;
  std::vector<float> likelihoods;
  std::optional<engine::FinishReason> finished;

  bool operator==(const GuessedAnswer&) const = default;
};

std::vector<int32_t> prompt_of(size_t length) {
  std::vector<int32_t> prompt(length);
  for (size_t index = 0; index < length; ++index)
    prompt[index] = static_cast<int32_t>((index * 37 + length * 11) % 500);
  return prompt;
}

// A request that says only three different tokens, so that there is always something to guess and guesses are wrong in
// any place.
engine::Request request_for(std::vector<int32_t> prompt, uint64_t seed, int64_t max_tokens, float temperature = 1.5f) {
  engine::Request request;
  request.prompt = std::move(prompt);
  request.sampling.seed = seed;
  request.sampling.temperature = temperature;
  request.sampling.top_logprobs = 1;
  for (const int32_t token : {3, 4, 5}) request.sampling.logit_bias.emplace_back(token, 60.0f);
  request.max_tokens = max_tokens;
  return request;
}

void listen(engine::Request* request, GuessedAnswer* answer) {
  request->listener = [answer](const engine::Event& event) {
    EXPECT_FALSE(answer->finished) << "an event after the end";
    if (event.token) answer->tokens.push_back(*event.token);
    if (event.logprobs) answer->likelihoods.push_back(event.logprobs->chosen);
    answer->finished = event.finished;
  };
}

class SpeculationTest : public testing::Test {
 protected:
  void SetUp() override { use("tiny-scout"); }
  void use(const char* model, std::unique_ptr<kernels::Machine> machine = nullptr) {
    loaded_ = load(data_folder() / "text" / model, std::move(machine));
    ASSERT_NE(loaded_, nullptr);
  }
  std::unique_ptr<engine::Engine> make(const llama4::MemoryPlan& plan, const engine::EngineOptions& options) {
    auto engine = engine::Engine::create(loaded_->model, plan, options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }

  // All of them together, submitted while others run.
  std::vector<GuessedAnswer> answers(engine::Engine* engine, std::vector<engine::Request> requests, unsigned steps_between) {
    std::vector<GuessedAnswer> answers(requests.size());
    std::mt19937 random(7);
    for (size_t index = 0; index < requests.size(); ++index) {
      listen(&requests[index], &answers[index]);
      EXPECT_TRUE(engine->submit(std::move(requests[index])));
      for (auto step = random() % (steps_between + 1); step > 0; --step) engine->step();
    }
    for (int steps = 0; engine->step(); ++steps)
      if (steps > 20000) ADD_FAILURE() << "it does not end";
    return answers;
  }
  GuessedAnswer alone(engine::Request request, int64_t draft_tokens = 0, engine::EngineCounts* counts = nullptr,
               int64_t piece = 64, int64_t page_positions = 16) {
    const llama4::MemoryPlan plan =
        plan_for(*loaded_, static_cast<int64_t>(request.prompt.size() + 200), 1, piece, cache_, page_positions);
    const auto engine = make(plan, {.draft_tokens = draft_tokens});
    std::vector<engine::Request> one;
    one.push_back(std::move(request));
    GuessedAnswer answer = answers(engine.get(), std::move(one), 0).front();
    if (counts != nullptr) *counts = engine->counts();
    return answer;
  }
  void expect_the_same(const std::vector<GuessedAnswer>& found, const std::vector<engine::Request>& requests) {
    for (size_t index = 0; index < requests.size(); ++index) EXPECT_EQ(found[index], alone(requests[index])) << index;
  }

  std::unique_ptr<LoadedModel> loaded_;
  tensor::KvFormat cache_;
};

// Instrumented code is many times slower: a ninth of the requests will do.
#ifdef PADDOCK_SANITIZED
const std::vector<size_t> kLengths = {33};
const std::vector<uint64_t> kSeeds = {2};
constexpr int64_t kLeastGuesses = 100;
#else
const std::vector<size_t> kLengths = {1, 20, 33};
const std::vector<uint64_t> kSeeds = {1, 2, 3};
constexpr int64_t kLeastGuesses = 1000;
#endif

TEST_F(SpeculationTest, TheSameTokensInFewerSteps) {
  engine::EngineCounts all;
  for (const float temperature : {0.0f, 0.2f, 1.5f})
    for (const size_t length : kLengths)
      for (const uint64_t seed : kSeeds) {
        const engine::Request request = request_for(prompt_of(length), seed, 90, temperature);
        engine::EngineCounts plain;
        const GuessedAnswer expected = alone(request, 0, &plain);
        EXPECT_EQ(plain.drafted_tokens, 0);
        for (const int64_t most : {1, 3, 16}) {
          engine::EngineCounts counts;
          EXPECT_EQ(alone(request, most, &counts), expected) << temperature << " " << length << " " << seed;
          EXPECT_EQ(counts.steps, plain.steps - counts.accepted_tokens);
          EXPECT_EQ(counts.computed_tokens, counts.drafted_tokens + plain.computed_tokens - counts.accepted_tokens);
          EXPECT_EQ(counts.answer_tokens, plain.answer_tokens);
          all.drafted_tokens += counts.drafted_tokens;
          all.accepted_tokens += counts.accepted_tokens;
        }
      }
  EXPECT_GT(all.accepted_tokens, kLeastGuesses);
  EXPECT_GT(all.drafted_tokens, all.accepted_tokens + kLeastGuesses) << "wrong guesses are what this test is about";
}

TEST_F(SpeculationTest, TheSameTokensWhateverTheRoomAndThePages) {
  for (const int64_t page : {1, 4, 16, 64, 24})  // chunks have 32 positions, steps may be smaller than a draft
    for (const int64_t piece : {1, 2, 3, 40}) {
      const engine::Request request = request_for(prompt_of(20), 4, 90);
      engine::EngineCounts counts;
      EXPECT_EQ(alone(request, 7, &counts, piece, page), alone(request, 0, nullptr, 64, page)) << page << " " << piece;
      EXPECT_EQ(counts.drafted_tokens > 0, piece > 1);
    }
}

TEST_F(SpeculationTest, TheSameTokensFromEveryCache) {
  for (const tensor::KvFormat format :
       {tensor::KvFormat(tensor::DType::kF16), tensor::KvFormat(tensor::DType::kQ8_0, tensor::DType::kQ4_1)}) {
    cache_ = format;
    const engine::Request request = request_for(prompt_of(40), 4, 90);
    EXPECT_EQ(alone(request, 7), alone(request)) << format.name();
  }
}

// The real edge of a chunk, at 8192.
TEST_F(SpeculationTest, TheSameTokensAcrossTheEdgeOfAChunk) {
  use("tiny-edge");
  engine::EngineCounts counts;
  const engine::Request request = request_for(prompt_of(8170), 4, 60);
  EXPECT_EQ(alone(request, 7, &counts, 512, 64), alone(request, 0, nullptr, 512, 64));
  EXPECT_GT(counts.accepted_tokens, 10);
  EXPECT_GT(counts.drafted_tokens, counts.accepted_tokens + 10);
}

// Places for a few, pages for fewer: requests come while others run, begin alike, lose their places and get them back.
TEST_F(SpeculationTest, TheSameTokensInACrowdAsAlone) {
  for (const bool share : {true, false}) {
    llama4::MemoryPlan plan = plan_for(*loaded_, 150, 3, 32, cache_);
    plan.limits.logits = 11;
    const auto engine = make(plan, {.share_prefixes = share, .draft_tokens = 5, .places = 8});
    std::vector<engine::Request> requests;
    for (size_t index = 0; index < 32; ++index) {
      std::vector<int32_t> prompt = prompt_of(index % 4 == 0 ? 77 : 5 + index);
      if (index % 8 == 0) prompt.push_back(static_cast<int32_t>(index));
      requests.push_back(
          request_for(std::move(prompt), index, 20 + static_cast<int64_t>(index), index % 3 == 0 ? 0.0f : 1.5f));
      requests.back().priority = static_cast<int>(index % 2);
    }
    expect_the_same(answers(engine.get(), requests, 3), requests);
    EXPECT_GT(engine->counts().preemptions, 3);
    EXPECT_EQ(engine->counts().reused_tokens > 0, share);
    EXPECT_GT(engine->counts().accepted_tokens, 50);
    EXPECT_GT(engine->counts().drafted_tokens, engine->counts().accepted_tokens + 50);
    for (const cache::Group group : cache::kAllGroups)  // remembered, but nobody's
      EXPECT_EQ(engine->kv_cache().pool(group).in_use(), engine->kv_cache().pool(group).idle());
  }
}

// n > 1: equal prompts, and answers that share pages for as long as they are alike.
TEST_F(SpeculationTest, TheSameTokensFromOnePromptManyTimes) {
  const auto engine = make(plan_for(*loaded_, 200, 6, 64, cache_), {.draft_tokens = 6});
  std::vector<engine::Request> requests;
  for (const uint64_t seed : {1, 1, 1, 2, 3, 4}) requests.push_back(request_for(prompt_of(50), seed, 80, 0.4f));
  expect_the_same(answers(engine.get(), requests, 0), requests);
  EXPECT_EQ(engine->counts().reused_tokens, 5 * 48);
  EXPECT_GT(engine->counts().accepted_tokens, 50);
}

// What was guessed and not said is in no text that is remembered.
TEST_F(SpeculationTest, RemembersWhatWasSaidAlone) {
  const engine::Request request = request_for(prompt_of(40), 4, 45);
  std::vector<int32_t> said = request.prompt;
  const GuessedAnswer first = alone(request);
  said.insert(said.end(), first.tokens.begin(), first.tokens.end());
  for (size_t length = 41; length <= said.size(); length += 3) {  // goes on otherwise from here
    std::vector<int32_t> prompt(said.begin(), said.begin() + static_cast<ptrdiff_t>(length));
    prompt.insert(prompt.end(), {3 + static_cast<int32_t>(length % 3), 9});
    std::vector<int64_t> reused;
    for (const int64_t most : {0, 6}) {
      const auto engine = make(plan_for(*loaded_, 200, 2, 64, cache_), {.draft_tokens = most});
      answers(engine.get(), {request}, 0);
      const engine::Request next = request_for(prompt, 5, 6);
      expect_the_same(answers(engine.get(), {next}, 0), {next});
      reused.push_back(engine->counts().reused_tokens);
    }
    EXPECT_EQ(reused[0], reused[1]) << prompt.size();
  }
}

// Two that fill the cache to its last page.
TEST_F(SpeculationTest, GuessesPushNobodyOut) {
  const auto engine = make(plan_for(*loaded_, 64, 2, 16, cache_), {.share_prefixes = false, .draft_tokens = 8});
  const std::vector<engine::Request> requests = {request_for(prompt_of(10), 1, -1), request_for(prompt_of(11), 2, -1)};
  const std::vector<GuessedAnswer> found = answers(engine.get(), requests, 0);
  EXPECT_EQ(found[0].tokens.size(), 54u);
  EXPECT_EQ(found[1].tokens.size(), 53u);
  EXPECT_EQ(engine->counts().preemptions, 0);
  EXPECT_GT(engine->counts().accepted_tokens, 0);
}

// Between steps a sequence holds pages for what is its own, whatever was guessed.
TEST_F(SpeculationTest, RowsOfWrongGuessesGiveTheirPagesBack) {
  const auto engine = make(plan_for(*loaded_, 100, 1, 64, cache_, 4), {.share_prefixes = false, .draft_tokens = 8});
  GuessedAnswer answer;
  engine::Request request = request_for(prompt_of(10), 3, 80);
  listen(&request, &answer);
  ASSERT_TRUE(engine->submit(std::move(request)));
  for (engine->step(); !answer.finished; engine->step()) {
    const auto computed = static_cast<int>(10 + answer.tokens.size() - 1);
    EXPECT_EQ(engine->kv_cache().pool(cache::kGlobal).in_use(), (computed + 3) / 4) << computed;
    EXPECT_EQ(engine->kv_cache().pool(cache::kLocal).in_use(), (computed % 32 + 3) / 4) << computed;
  }
  EXPECT_GT(engine->counts().drafted_tokens, engine->counts().accepted_tokens);
}

TEST_F(SpeculationTest, NothingIsGuessedBeyondTheEnd) {
  for (int64_t most = 1; most <= 10; ++most) {
    engine::Request request = request_for({3, 3, 3, 3, 3, 3}, 1, most);
    request.sampling.logit_bias = {{3, 1000.0f}};
    engine::EngineCounts counts;
    alone(request, 8, &counts);
    EXPECT_EQ(counts.drafted_tokens > 0, most > 2) << "the last token is never computed";
    EXPECT_EQ(counts.accepted_tokens, counts.drafted_tokens);
  }
}

TEST_F(SpeculationTest, PlacesAreAsManyAsWereAsked) {
  llama4::MemoryPlan plan = plan_for(*loaded_, 100, 4, 32, cache_);
  const auto engine = make(plan, {.draft_tokens = 8, .places = 2});
  for (uint64_t seed = 0; seed < 4; ++seed) ASSERT_TRUE(engine->submit(request_for(prompt_of(3 + seed), seed, 20)));
  do EXPECT_LE(engine->running(), 2u);
  while (engine->step());
}

TEST_F(SpeculationTest, StopTokensEndAnAnswerAmongGuesses) {
  for (const int32_t stop : {3, 4, 5})
    for (uint64_t seed = 0; seed < 12; ++seed) {
      engine::Request request = request_for({3, 4, 3, 4, 5, 3, 4, 5, 3, 4}, seed, 40);
      request.stop_tokens = {stop};
      EXPECT_EQ(alone(request, 8), alone(request));
    }
}

TEST_F(SpeculationTest, PenaltiesCountEachTokenOnce) {
  int64_t accepted = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    engine::Request request = request_for(prompt_of(30), seed, 80, 0.7f);
    request.sampling.repetition_penalty = 1.1f;
    request.sampling.frequency_penalty = 0.3f;
    request.sampling.presence_penalty = 0.2f;
    engine::EngineCounts counts;
    EXPECT_EQ(alone(request, 8, &counts), alone(request));
    accepted += counts.accepted_tokens;
  }
  EXPECT_GT(accepted, 0);
}

// Tokens from `least` to `least + 2`, where `least` is how many have come, modulo 4: a filter that must hear of each
// token before it is asked about the next. After `most` tokens nothing may come.
class Rising : public engine::TokenFilter {
 public:
  explicit Rising(size_t most) : most_(most) {}
  bool restrict(std::span<float> logits) override {
    const size_t least = accepted_ % 4;
    for (size_t token = 0; token < logits.size(); ++token)
      if (token < least || token > least + 2) logits[token] = -std::numeric_limits<float>::infinity();
    return accepted_ < most_;
  }
  void accept(int32_t token) override {
    EXPECT_GE(static_cast<size_t>(token), accepted_ % 4);
    ++accepted_;
  }
  size_t accepted() const { return accepted_; }

 private:
  size_t most_, accepted_ = 0;
};

TEST_F(SpeculationTest, AFilterHearsOfEachTokenThatIsSaid) {
  int64_t accepted = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    std::vector<GuessedAnswer> found;
    for (const int64_t most : {0, 8}) {
      engine::Request request = request_for(prompt_of(30), seed, 80, 0.3f);
      const auto filter = std::make_shared<Rising>(60);
      request.filter = filter;
      engine::EngineCounts counts;
      found.push_back(alone(std::move(request), most, &counts));
      EXPECT_EQ(filter->accepted(), 60u);
      accepted += counts.accepted_tokens;
    }
    EXPECT_EQ(found[0], found[1]);
    EXPECT_EQ(found[0].finished, engine::FinishReason::kError) << "nothing was left to say";
  }
  EXPECT_GT(accepted, 50);
}

TEST_F(SpeculationTest, AListenerMayCancelAmongGuesses) {
  for (size_t most = 1; most <= 20; ++most) {
    const auto engine = make(plan_for(*loaded_, 100, 1, 64, cache_), {.draft_tokens = 8});
    size_t tokens = 0;
    std::optional<engine::FinishReason> finished;
    engine::Request request = request_for({3, 3, 3, 3, 3, 3}, 1, 50, 0.0f);
    request.listener = [&](const engine::Event& event) {
      if (event.token && ++tokens == most) engine->cancel(event.request);
      finished = event.finished;
    };
    ASSERT_TRUE(engine->submit(std::move(request)));
    while (engine->step()) {
    }
    EXPECT_EQ(tokens, most);
    EXPECT_EQ(finished, engine::FinishReason::kCancelled);
    for (const cache::Group group : cache::kAllGroups)
      EXPECT_EQ(engine->kv_cache().pool(group).in_use(), engine->kv_cache().pool(group).idle());
  }
}

// The key at one position is not a number: from there on, nothing can be said.
class BrokenAt : public kernels::ReferenceMachine {
 public:
  explicit BrokenAt(int64_t position) : ReferenceMachine(1), position_(position) {}
  void append_kv(const kernels::AppendKv& op) override {
    for (const kernels::SequenceRows& rows : op.sequences)
      if (position_ >= rows.first_position && position_ < rows.first_position + rows.rows)
        kernels::HostMemory::row(op.k_TGH, rows.first_row + position_ - rows.first_position)[3] =
            std::numeric_limits<float>::quiet_NaN();
    ReferenceMachine::append_kv(op);
  }

 private:
  int64_t position_;
};

TEST_F(SpeculationTest, WhatIsNotFiniteEndsAnAnswerWhereItWouldHaveEnded) {
  int64_t accepted = 0;
  for (int64_t position = 20; position < 45; position += 3) {
    use("tiny-scout", std::make_unique<BrokenAt>(position));
    engine::Request request = request_for(prompt_of(10), 1, 60);
    request.sampling.logit_bias = {{3, 1000.0f}};
    engine::EngineCounts counts;
    const GuessedAnswer answer = alone(request, 8, &counts);
    EXPECT_EQ(answer, alone(request));
    EXPECT_EQ(answer.finished, engine::FinishReason::kError);
    EXPECT_EQ(static_cast<int64_t>(answer.tokens.size()), position - 9);
    accepted += counts.accepted_tokens;
  }
  EXPECT_GT(accepted, 10);
}

}  // namespace
}  // namespace paddock::test
