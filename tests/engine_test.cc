// SPDX-License-Identifier: Apache-2.0
// The engine with a real, small model: what clients may rely on.

#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

struct Answer {
  std::vector<int32_t> tokens;
  std::optional<engine::FinishReason> finished;
  int64_t prompt_done = 0;
};

engine::Request request_for(std::vector<int32_t> prompt, uint64_t seed, int64_t max_tokens, Answer* answer) {
  engine::Request request;
  request.prompt = std::move(prompt);
  request.sampling.seed = seed;
  request.sampling.temperature = 1.5f;
  request.max_tokens = max_tokens;
  request.listener = [answer](const engine::Event& event) {
    EXPECT_FALSE(answer->finished) << "an event after the end";
    if (event.token) answer->tokens.push_back(*event.token);
    if (event.finished) answer->finished = event.finished;
    answer->prompt_done = event.prompt_done;
  };
  return request;
}

class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    loaded_ = load(data_folder() / "text" / "tiny-scout" / "model.safetensors");
    ASSERT_NE(loaded_, nullptr);
  }
  std::unique_ptr<engine::Engine> make(int64_t context, int64_t sequences, int64_t piece) {
    auto engine = engine::Engine::create(loaded_->model, plan_for(*loaded_, context, sequences, piece, cache_));
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }
  Answer alone(std::vector<int32_t> prompt, uint64_t seed, int64_t max_tokens, int64_t piece = 64) {
    Answer answer;
    auto engine = make(300, 1, piece);
    EXPECT_TRUE(engine->submit(request_for(std::move(prompt), seed, max_tokens, &answer)));
    while (engine->step()) {
    }
    return answer;
  }
  static std::vector<int32_t> prompt_of(size_t length) {
    std::vector<int32_t> prompt(length);
    for (size_t index = 0; index < length; ++index)
      prompt[index] = static_cast<int32_t>((index * 37 + length * 11) % 1000);
    return prompt;
  }

  std::unique_ptr<LoadedModel> loaded_;
  tensor::KvFormat cache_;
};

// What depends on the bytes of the cache, in each of its formats.
class EngineCacheTest : public EngineTest, public testing::WithParamInterface<tensor::KvFormat> {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    cache_ = GetParam();
  }
};

INSTANTIATE_TEST_SUITE_P(Caches, EngineCacheTest,
                         testing::Values(tensor::DType::kF32, tensor::DType::kF16, tensor::DType::kBF16,
                                         tensor::DType::kQ8_0, tensor::DType::kQ4_1,
                                         tensor::KvFormat(tensor::DType::kQ8_0, tensor::DType::kQ4_1)),
                         [](const auto& cache) {
                           std::string name = cache.param.name();
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

TEST_P(EngineCacheTest, AloneOrInACrowdTheSameTokens) {
  constexpr size_t kRequests = 6;
  std::vector<Answer> crowd(kRequests);
  auto engine = make(120, 3, 16);  // fewer places than requests: some wait
  for (size_t index = 0; index < kRequests; ++index)
    ASSERT_TRUE(engine->submit(request_for(prompt_of(5 + 13 * index), index, 30, &crowd[index])));
  while (engine->step()) {
  }
  for (size_t index = 0; index < kRequests; ++index)
    for (const int64_t piece : {1, 7, 64}) {
      const Answer answer = alone(prompt_of(5 + 13 * index), index, 30, piece);
      EXPECT_EQ(answer.tokens.size(), 30u);
      EXPECT_EQ(answer.tokens, crowd[index].tokens) << index;
    }
}

TEST_F(EngineTest, ThreadsDoNotChangeTheTokens) {
  const Answer two = alone(prompt_of(50), 9, 20);
  for (const int threads : {1, 3}) {
    loaded_ = load(data_folder() / "text" / "tiny-scout" / "model.safetensors",
                   std::make_unique<kernels::ReferenceMachine>(threads));
    EXPECT_EQ(alone(prompt_of(50), 9, 20).tokens, two.tokens);
  }
}

// On the machine that is tested: another one rounds now and then to another stored number.
TEST_P(EngineCacheTest, ThreadsDoNotChangeTheTokens) {
  const Answer before = alone(prompt_of(50), 9, 20);
  for (const int threads : {1, 3}) {
    loaded_ = load(data_folder() / "text" / "tiny-scout" / "model.safetensors", chosen_machine(false, threads));
    EXPECT_EQ(alone(prompt_of(50), 9, 20).tokens, before.tokens) << threads;
  }
}

TEST_F(EngineTest, StopsAtAStopTokenWhichIsTheLast) {
  const Answer free = alone(prompt_of(9), 4, 20);
  Answer stopped;
  auto engine = make(100, 1, 64);
  engine::Request request = request_for(prompt_of(9), 4, 20, &stopped);
  request.stop_tokens = {free.tokens[5], 1023};
  ASSERT_TRUE(engine->submit(std::move(request)));
  while (engine->step()) {
  }
  EXPECT_EQ(stopped.finished, engine::FinishReason::kStop);
  const auto first = std::find(free.tokens.begin(), free.tokens.end(), free.tokens[5]);
  EXPECT_EQ(stopped.tokens, std::vector<int32_t>(free.tokens.begin(), first + 1));
}

TEST_F(EngineTest, EndsWhenTheContextIsFull) {
  Answer answer;
  auto engine = make(40, 1, 64);
  ASSERT_TRUE(engine->submit(request_for(prompt_of(30), 1, -1, &answer)));
  while (engine->step()) {
  }
  EXPECT_EQ(answer.tokens.size(), 10u);
  EXPECT_EQ(answer.finished, engine::FinishReason::kLength);
  EXPECT_EQ(answer.prompt_done, 30);
}

TEST_F(EngineTest, ACancelledRequestFreesItsPages) {
  Answer cancelled, other;
  auto engine = make(100, 2, 8);
  const auto id = engine->submit(request_for(prompt_of(60), 1, 30, &cancelled));
  ASSERT_TRUE(id);
  ASSERT_TRUE(engine->submit(request_for(prompt_of(20), 2, 10, &other)));
  for (int step = 0; step < 3; ++step) engine->step();
  EXPECT_GT(engine->kv_cache().pool(cache::kGlobal).in_use(), 0);
  engine->cancel(*id);
  while (engine->step()) {
  }
  EXPECT_EQ(cancelled.finished, engine::FinishReason::kCancelled);
  EXPECT_EQ(other.tokens, alone(prompt_of(20), 2, 10).tokens);
  for (const cache::Group group : {cache::kGlobal, cache::kLocal})  // remembered, but nobody's
    EXPECT_EQ(engine->kv_cache().pool(group).in_use(), engine->kv_cache().pool(group).idle());
  engine->cancel(*id);  // nothing happens
}

TEST_F(EngineTest, AListenerMayCancelFromInside) {
  auto engine = make(100, 1, 64);
  int tokens = 0;
  bool ended = false;
  engine::Request request = request_for(prompt_of(4), 1, 50, nullptr);
  engine::Engine* raw = engine.get();
  request.listener = [&](const engine::Event& event) {
    if (event.token && ++tokens == 3) raw->cancel(event.request);
    if (event.finished) ended = event.finished == engine::FinishReason::kCancelled;
  };
  ASSERT_TRUE(engine->submit(std::move(request)));
  while (engine->step()) {
  }
  EXPECT_EQ(tokens, 3);
  EXPECT_TRUE(ended);
}

TEST_P(EngineCacheTest, AConversationIsContinuedNotComputedAgain) {
  auto engine = make(200, 1, 8);
  Answer first, second;
  ASSERT_TRUE(engine->submit(request_for(prompt_of(40), 5, 12, &first)));
  while (engine->step()) {
  }
  std::vector<int32_t> conversation = prompt_of(40);
  conversation.insert(conversation.end(), first.tokens.begin(), first.tokens.end());
  conversation.insert(conversation.end(), {7, 8, 9});
  ASSERT_TRUE(engine->submit(request_for(conversation, 6, 12, &second)));
  int steps = 0;
  while (engine->step()) ++steps;
  EXPECT_LE(steps, 14);                           // four tokens to compute, not 55 in pieces of 8
  EXPECT_EQ(engine->counts().reused_tokens, 51);  // the last token of the answer was never computed
  EXPECT_EQ(second.tokens, alone(conversation, 6, 12).tokens);
}

// The prompt leaves the remembered text inside the chunk that local layers still hold, and in the middle of a page.
TEST_P(EngineCacheTest, APromptThatLeavesARememberedTextReusesItsBeginning) {
  auto engine = make(200, 1, 64);
  Answer first, second;
  ASSERT_TRUE(engine->submit(request_for(prompt_of(100), 5, 4, &first)));
  while (engine->step()) {
  }
  std::vector<int32_t> other = prompt_of(100);
  other.resize(99);
  other.insert(other.end(), {3, 4});
  ASSERT_TRUE(engine->submit(request_for(other, 6, 8, &second)));
  int steps = 0;
  while (engine->step()) ++steps;
  EXPECT_EQ(steps, 8);  // two tokens to compute, not 101 in pieces of 64
  EXPECT_EQ(second.tokens, alone(other, 6, 8).tokens);
}

TEST_P(EngineCacheTest, APromptThatLeavesItInAnEarlierChunkGivesTheSameTokens) {
  auto engine = make(200, 1, 64);
  Answer first, second;
  ASSERT_TRUE(engine->submit(request_for(prompt_of(100), 5, 4, &first)));
  while (engine->step()) {
  }
  std::vector<int32_t> other = prompt_of(100);
  other.resize(41);
  other.push_back(3);
  ASSERT_TRUE(engine->submit(request_for(other, 6, 8, &second)));
  while (engine->step()) {
  }
  EXPECT_EQ(second.tokens, alone(other, 6, 8).tokens);
}

// n > 1, or many users of one system prompt: the text is computed once, for all of them.
TEST_P(EngineCacheTest, EqualPromptsAreComputedOnce) {
  auto engine = make(200, 4, 16);
  std::vector<Answer> answers(4);
  for (size_t index = 0; index < answers.size(); ++index)
    ASSERT_TRUE(engine->submit(request_for(prompt_of(90), index, 6, &answers[index])));
  while (engine->step()) {
  }
  EXPECT_EQ(engine->counts().reused_tokens, 3 * 80);  // five pages of sixteen; the last one is not full
  for (size_t index = 0; index < answers.size(); ++index)
    EXPECT_EQ(answers[index].tokens, alone(prompt_of(90), index, 6).tokens);
}

// However many steps they wait for the one that reads what they share.
TEST_F(EngineTest, WaitingPromptsAreComparedOnceEach) {
  auto engine = make(300, 8, 4);
  std::vector<Answer> answers(8);
  for (size_t index = 0; index < answers.size(); ++index)
    ASSERT_TRUE(engine->submit(request_for(prompt_of(250), index, 2, &answers[index])));
  while (engine->step()) {
  }
  EXPECT_GE(engine->counts().reused_tokens, 7 * 240) << "all but the first waited";
  EXPECT_GT(engine->counts().steps, 60);
  EXPECT_LE(engine->counts().compared_tokens, 8 * 7 / 2 * 252);
  for (size_t index = 0; index < answers.size(); ++index)
    EXPECT_EQ(answers[index].tokens, alone(prompt_of(250), index, 2).tokens);
}

// Pages for two long sequences, and ten that want to be long: the youngest lose their places and get them back.
TEST_P(EngineCacheTest, PreemptedRequestsAnswerTheSame) {
  for (const bool share : {true, false}) {
    auto plan = plan_for(*loaded_, 120, 2, 16, cache_);
    plan.limits.logits = 6;
    auto engine = std::move(*engine::Engine::create(loaded_->model, plan, {.share_prefixes = share}));
    std::vector<Answer> answers(10);
    for (size_t index = 0; index < answers.size(); ++index)
      ASSERT_TRUE(engine->submit(request_for(prompt_of(10 + index), index, 60, &answers[index])));
    int steps = 0;
    while (engine->step()) ASSERT_LT(++steps, 5000);
    EXPECT_GT(engine->counts().preemptions, 3);
    for (size_t index = 0; index < answers.size(); ++index) {
      EXPECT_EQ(answers[index].finished, engine::FinishReason::kLength);
      EXPECT_EQ(answers[index].tokens, alone(prompt_of(10 + index), index, 60).tokens) << index;
    }
  }
}

// Sixty-four requests of all sorts that come and go while others run: beginnings in common, cancelled ones, preempted
// ones.
TEST_P(EngineCacheTest, TheSameTokensInACrowdAsAlone) {
  auto plan = plan_for(*loaded_, 150, 3, 32, cache_);
  plan.limits.logits = 8;
  auto engine = std::move(*engine::Engine::create(loaded_->model, plan));
#ifdef PADDOCK_SANITIZED
  constexpr size_t kRequests = 20;  // each is computed alone too, forty times slower
#else
  constexpr size_t kRequests = 64;
#endif
  std::vector<Answer> answers(kRequests);
  std::vector<std::vector<int32_t>> prompts(kRequests);
  std::vector<engine::RequestId> ids(kRequests);
  std::mt19937 random(11);
  for (size_t index = 0; index < answers.size(); ++index) {
    prompts[index] = prompt_of(index % 4 == 0 ? 77 : 5 + index % 60);
    if (index % 4 == 0) prompts[index].push_back(static_cast<int32_t>(index));
    engine::Request request = request_for(prompts[index], index, 1 + static_cast<int64_t>(index % 40), &answers[index]);
    request.priority = static_cast<int>(index % 3);
    request.tenant = static_cast<int64_t>(index % 5);
    ids[index] = *engine->submit(std::move(request));
    for (int step = static_cast<int>(random() % 4); step > 0; --step) engine->step();
    if (index % 13 == 12) engine->cancel(ids[index - 1]);
  }
  while (engine->step()) {
  }
  for (size_t index = 0; index < answers.size(); ++index) {
    ASSERT_TRUE(answers[index].finished);
    if (answers[index].finished == engine::FinishReason::kCancelled) continue;
    ASSERT_EQ(answers[index].tokens, alone(prompts[index], index, 1 + static_cast<int64_t>(index % 40)).tokens)
        << index;
  }
}

TEST_F(EngineTest, ADeadlineEndsAnAnswerAndAWait) {
  auto engine = make(200, 1, 64);
  Answer running, waiting;
  engine::Request request = request_for(prompt_of(20), 1, 150, &running);
  ASSERT_TRUE(engine->submit(std::move(request)));
  engine::Request late = request_for(prompt_of(150), 1, 40, &waiting);
  late.deadline = std::chrono::steady_clock::now();
  ASSERT_TRUE(engine->submit(std::move(late)));
  engine->step();
  EXPECT_EQ(waiting.finished, engine::FinishReason::kTimeout);
  while (engine->step()) {
  }
  EXPECT_EQ(running.finished, engine::FinishReason::kLength);
}

// Only multiples of `of`, and once `most` of them have come nothing more.
class MultiplesOnly : public engine::TokenFilter {
 public:
  MultiplesOnly(int32_t of, int most) : of_(of), most_(most) {}
  bool restrict(std::span<float> logits) override {
    for (size_t token = 0; token < logits.size(); ++token)
      if (static_cast<int32_t>(token) % of_ != 0) logits[token] = -std::numeric_limits<float>::infinity();
    return seen_ < most_;
  }
  void accept(int32_t token) override {
    EXPECT_EQ(token % of_, 0);
    ++seen_;
  }

 private:
  int32_t of_;
  int most_, seen_ = 0;
};

TEST_F(EngineTest, AFilterDecidesWhatMayCome) {
  for (const float temperature : {0.0f, 1.5f}) {
    auto engine = make(200, 1, 64);
    Answer answer;
    engine::Request request = request_for(prompt_of(20), 1, 30, &answer);
    request.sampling.temperature = temperature;
    request.filter = std::make_shared<MultiplesOnly>(7, 12);
    ASSERT_TRUE(engine->submit(std::move(request)));
    while (engine->step()) {
    }
    EXPECT_EQ(answer.tokens.size(), 12u);
    for (const int32_t token : answer.tokens) EXPECT_EQ(token % 7, 0);
    EXPECT_EQ(answer.finished, engine::FinishReason::kError) << "nothing was left to say";
  }
}

TEST_F(EngineTest, RefusesByName) {
  auto engine = make(50, 1, 64);
  Answer unused;
  const auto refused = [&](std::vector<int32_t> prompt) {
    const auto result = engine->submit(request_for(std::move(prompt), 1, 5, &unused));
    return result ? std::string() : result.error().message;
  };
  EXPECT_NE(refused({}).find("at least one token"), std::string::npos);
  EXPECT_NE(refused({1024}).find("below the vocabulary of 1024, found 1024"), std::string::npos);
  EXPECT_NE(refused({-1}).find("found -1"), std::string::npos);
  EXPECT_NE(refused(prompt_of(50)).find("fewer tokens than the context of 50, found 50"), std::string::npos);
}

// Breaks one logit of the third step.
class BrokenMachine : public kernels::ReferenceMachine {
 public:
  explicit BrokenMachine(float broken) : ReferenceMachine(1), broken_(broken) {}
  void logits(const kernels::Logits& op) override {
    ReferenceMachine::logits(op);
    if (++steps_ == 3) kernels::HostMemory::floats(op.logits_RV.address)[7] = broken_;
  }

 private:
  float broken_;
  int steps_ = 0;
};

TEST(BrokenEngine, LogitsThatAreNotFiniteEndARequestWithoutATokenOfTheirs) {
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    const auto loaded =
        load(data_folder() / "text" / "tiny-scout" / "model.safetensors", std::make_unique<BrokenMachine>(broken));
    ASSERT_NE(loaded, nullptr);
    auto engine = engine::Engine::create(loaded->model, plan_for(*loaded, 100, 1, 64));
    ASSERT_TRUE(engine);
    Answer first, next;
    EXPECT_TRUE((*engine)->submit(request_for({1, 2, 3}, 5, 20, &first)));
    EXPECT_TRUE((*engine)->submit(request_for({1, 2, 3}, 5, 20, &next)));
    while ((*engine)->step()) {
    }
    EXPECT_EQ(first.finished, engine::FinishReason::kError);
    EXPECT_EQ(first.tokens.size(), 2u);
    EXPECT_EQ(next.finished, engine::FinishReason::kLength);
    EXPECT_EQ(next.tokens.size(), 20u);
  }
}

// Breaks one number of the second token's key in every layer.
class BrokenKeysMachine : public kernels::ReferenceMachine {
 public:
  explicit BrokenKeysMachine(float broken) : ReferenceMachine(1), broken_(broken) {}
  void append_kv(const kernels::AppendKv& op) override {
    if (op.sequences[0].first_position == 0) kernels::HostMemory::row(op.k_TGH, 1)[3] = broken_;
    ReferenceMachine::append_kv(op);
  }

 private:
  float broken_;
};

// A coarse cache must not turn what is not finite into a number.
TEST_P(EngineCacheTest, ACachedKeyThatIsNotFiniteEndsARequestWithoutAToken) {
  const bool in_blocks = tensor::is_block_format(GetParam().keys);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1e8f}) {
    // An infinite key of its own may get the weight zero, and a large one is a number.
    if (!std::isnan(broken) && !in_blocks) continue;
    loaded_ =
        load(data_folder() / "text" / "tiny-scout" / "model.safetensors", std::make_unique<BrokenKeysMachine>(broken));
    const Answer answer = alone({1, 2, 3}, 5, 20);
    EXPECT_EQ(answer.finished, engine::FinishReason::kError) << broken;
    EXPECT_TRUE(answer.tokens.empty()) << broken;
  }
}

}  // namespace
}  // namespace paddock::test
