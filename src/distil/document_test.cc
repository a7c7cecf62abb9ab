// SPDX-License-Identifier: Apache-2.0
// Documents there and back: exact where they are whole numbers, within the stated error where they are not.

#include "distil/document.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "distil/bits.h"

namespace paddock::distil {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

TEST(Bits, NumbersComeBackInEveryOrder) {
  for (int order = 0; order <= kMostOrder; ++order) {
    BitWriter out;
    std::vector<uint32_t> numbers = {0, 1, 2, 3, 7, 8, 1000, 65535, 65536, kMostCoded - 1, kMostCoded};
    int bits = 0;
    for (const uint32_t number : numbers) {
      out.coded(number, order);
      bits += coded_bits(number, order);
    }
    const auto bytes = out.take();
    EXPECT_EQ(bytes.size(), static_cast<size_t>((bits + 7) / 8));
    BitReader in(bytes);
    for (const uint32_t number : numbers) EXPECT_EQ(in.coded(order), number) << order;
    EXPECT_TRUE(in.is_at_end());
    while (in.is_good()) in.coded(order);  // ends
  }
}

TEST(Bits, TheBestOrderIsTheShortest) {
  for (const uint32_t size : {0u, 3u, 100u, 5000u, 1u << 20}) {
    OrderChoice choice;
    std::vector<uint32_t> numbers;
    for (uint32_t step = 0; step < 50; ++step) numbers.push_back(size + size * step / 50);
    for (const uint32_t number : numbers) choice.add(number);
    const auto bits = [&](int order) {
      return std::accumulate(numbers.begin(), numbers.end(), 0,
                             [&](int sum, uint32_t number) { return sum + coded_bits(number, order); });
    };
    for (int order = 0; order <= kMostOrder; ++order) EXPECT_LE(bits(choice.best()), bits(order));
  }
}

struct Shape {
  int64_t kept, vocabulary;
  size_t tokens;
};

// With flat and sharp places, tokens that follow and are kept, and ones that are not.
Document random_document(const Shape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  const auto any = [&](int64_t count) { return static_cast<int32_t>(random() % static_cast<uint64_t>(count)); };
  Document document;
  for (size_t index = 0; index < shape.tokens; ++index) document.tokens.push_back(any(shape.vocabulary));
  for (size_t place = 0; place + 1 < shape.tokens; ++place)
    if (any(4) != 0) document.places.push_back(static_cast<int32_t>(place));
  std::vector<int32_t> order(static_cast<size_t>(shape.vocabulary));
  std::iota(order.begin(), order.end(), 0);
  for (const int32_t place : document.places) {
    std::ranges::shuffle(order, random);
    std::normal_distribution<double> normal(0, 1 + any(6));
    std::vector<double> logits;
    for (int64_t token = 0; token < shape.vocabulary; ++token) logits.push_back(normal(random));
    std::ranges::sort(logits, std::greater());
    const auto log_sum = [&](size_t first) {
      double sum = 0;
      for (size_t index = first; index < logits.size(); ++index) sum += std::exp(logits[index]);
      return std::log(sum);
    };
    const double all = log_sum(0);
    for (int64_t index = 0; index < shape.kept; ++index) {
      document.ids.push_back(order[static_cast<size_t>(index)]);
      document.logprobs.push_back(static_cast<float>(logits[static_cast<size_t>(index)] - all));
    }
    document.tails.push_back(
        shape.kept == shape.vocabulary ? kNever : static_cast<float>(log_sum(static_cast<size_t>(shape.kept)) - all));
    const int32_t next = document.tokens[static_cast<size_t>(place) + 1];
    const auto rank = static_cast<size_t>(std::ranges::find(order, next) - order.begin());
    document.following.push_back(static_cast<float>(logits[rank] - all));
  }
  return document;
}

float allowed_error(float logprob) {
  const auto depth = static_cast<int32_t>(std::min(64.0f, -logprob) * (1 << kDepthBits));
  return std::ldexp(0.5001f, step_bits(depth) - kDepthBits) + std::max(0.0f, -logprob - 64);
}

TEST(DistilDocument, ComesBackWithinTheStatedError) {
  for (const Shape shape : {Shape{1, 2, 1}, Shape{1, 2, 30}, Shape{8, 300, 40}, Shape{32, 5000, 20}, Shape{7, 7, 25}}) {
    const Document document = random_document(shape, 1);
    const auto bytes = write_document(document, shape.kept);
    const auto back = parse_document(bytes, shape.kept, shape.vocabulary, "bytes");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->tokens, document.tokens);
    EXPECT_EQ(back->places, document.places);
    EXPECT_EQ(back->ids, document.ids);
    for (size_t index = 0; index < document.logprobs.size(); ++index)
      ASSERT_NEAR(back->logprobs[index], document.logprobs[index], allowed_error(document.logprobs[index]));
    for (size_t row = 0; row < document.tails.size(); ++row) {
      if (shape.kept == shape.vocabulary) {
        EXPECT_EQ(back->tails[row], kNever);
      } else {
        EXPECT_NEAR(back->tails[row], document.tails[row], allowed_error(0));
      }
      EXPECT_NEAR(back->following[row], document.following[row], allowed_error(document.following[row]));
    }
    // What has been stored loses nothing when it is stored again.
    EXPECT_EQ(write_document(*back, shape.kept), bytes);
  }
}

TEST(DistilDocument, ExtremesAreBounded) {
  const Document document{.tokens = {0, 4},
                          .places = {0},
                          .ids = {1, 2, 3},
                          .logprobs = {0, -1000, kNever},
                          .tails = {-200},
                          .following = {kNever}};
  const auto back = parse_document(write_document(document, 3), 3, 5, "bytes");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->logprobs, (std::vector<float>{0, -64, -64}));
  EXPECT_EQ(back->tails, std::vector<float>{-64});
  EXPECT_EQ(back->following, std::vector<float>{-64});
}

TEST(DistilDocument, DamageIsAnErrorAndNeverMore) {
  const Shape shape{8, 300, 40};
  const auto bytes = write_document(random_document(shape, 2), shape.kept);
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(parse_document(std::span(bytes).first(cut), shape.kept, shape.vocabulary, "bytes")) << cut;
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    auto changed = bytes;
    changed[random() % changed.size()] ^= static_cast<std::byte>(1u << random() % 8);
    const auto back = parse_document(changed, shape.kept, shape.vocabulary, "bytes");
    if (back) continue;
    EXPECT_NE(back.error().message.find("bytes: damaged"), std::string::npos);
  }
  EXPECT_FALSE(parse_document(bytes, shape.kept, 10, "bytes"));  // ids beyond the vocabulary
}

}  // namespace
}  // namespace paddock::distil
