// SPDX-License-Identifier: Apache-2.0
// Trainers against the plain one, at sizes around every panel and block.

#include "kernels/vector/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/choose.h"
#include "kernels/host/host_memory.h"

namespace paddock::kernels {
namespace {

using Numbers = std::vector<float>;

Numbers random_numbers(int64_t count, int seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::normal_distribution<float> normal;
  Numbers numbers(static_cast<size_t>(count));
  for (float& number : numbers) number = normal(random);
  return numbers;
}
Address at(Numbers& numbers, int64_t offset = 0) { return HostMemory::address_of(numbers.data() + offset); }
Rows rows_of(Numbers& numbers, int64_t rows) {
  return {at(numbers), rows, static_cast<int64_t>(numbers.size()) / rows};
}

double largest_difference(const Numbers& got, const Numbers& want) {
  double difference = 0, largest = 0;
  for (size_t index = 0; index < want.size(); ++index) {
    if (!std::isfinite(got[index])) return INFINITY;
    difference = std::max(difference, std::abs(static_cast<double>(got[index]) - want[index]));
    largest = std::max(largest, std::abs(static_cast<double>(want[index])));
  }
  return difference / std::max(largest, 1e-30);
}

class TrainerTest : public testing::TestWithParam<std::string> {
 protected:
  TrainerTest() : trainer_(make_trainer(GetParam(), 2).value()), alone_(make_trainer(GetParam(), 1).value()) {}

  // run(trainer) gives numbers: the same bits from one thread and two, close to the reference.
  template <typename Run>
  void expect_close(const Run& run, double tolerance, const std::string& what) {
    const Numbers got = run(*trainer_);
    EXPECT_EQ(got, run(*alone_)) << what;
    EXPECT_LE(largest_difference(got, run(reference_)), tolerance) << what;
  }

  std::unique_ptr<Trainer> trainer_, alone_;
  ReferenceTrainer reference_{2};
};

struct Sizes {
  int64_t m, n, k;
};

TEST_P(TrainerTest, Products) {
  const Sizes all[] = {{1, 1, 1},     {7, 5, 3},      {8, 48, 256}, {9, 49, 257},
                       {241, 33, 20}, {250, 1600, 2}, {3, 2, 700},  {5, 9, 0}};
  for (const Sizes& size : all)
    for (int ways = 0; ways < 16; ++ways) {
      Numbers a = random_numbers(size.m * size.k + 1, 1), b = random_numbers(size.k * size.n + 1, 2);
      const Numbers before = random_numbers(2 * size.m * size.n, 3);
      const bool add = (ways & 8) != 0;
      const std::string what = std::to_string(size.m) + " " + std::to_string(size.n) + " " + std::to_string(size.k) +
                               " way " + std::to_string(ways);
      expect_close(
          [&](Trainer& trainer) {
            Numbers c = before;
            const Plane of_a =
                (ways & 1) != 0 ? Plane::of(at(a), size.k, size.m).transposed() : Plane::of(at(a), size.m, size.k);
            const Plane of_b =
                (ways & 2) != 0 ? Plane::of(at(b), size.n, size.k).transposed() : Plane::of(at(b), size.k, size.n);
            // As it lies, the other way round, or every second number.
            Plane of_c = Plane::of(at(c), size.m, size.n);
            if ((ways & 4) != 0) of_c = Plane::of(at(c), size.n, size.m).transposed();
            if (ways == 5) of_c = {at(c), size.m, size.n, 2 * size.n, 2};
            const PlaneProduct product[] = {{of_a, of_b, of_c, 0.5f}};
            trainer.multiply({product, add, false});
            return c;
          },
          1e-5, what);
    }
}

// Within what bfloat16 factors may lose, whichever way matrices lie.
TEST_P(TrainerTest, RoundedProducts) {
  for (const Sizes& size : {Sizes{1, 1, 1}, Sizes{33, 31, 65}, Sizes{70, 40, 33}, Sizes{16, 100, 1030}})
    for (int ways = 0; ways < 8; ++ways) {
      Numbers a = random_numbers(2 * size.m * size.k, 1), b = random_numbers(size.k * size.n, 2);
      const auto product = [&](Trainer& trainer, Numbers& of_a, Numbers& of_b, bool rounded) {
        Numbers c(static_cast<size_t>(size.m * size.n), 1.0f);
        Plane plane_a =
            (ways & 1) != 0 ? Plane::of(at(of_a), size.k, size.m).transposed() : Plane::of(at(of_a), size.m, size.k);
        if (ways == 6) plane_a = {at(of_a), size.m, size.k, 2 * size.k, 2};  // every second number
        const Plane plane_b =
            (ways & 2) != 0 ? Plane::of(at(of_b), size.n, size.k).transposed() : Plane::of(at(of_b), size.k, size.n);
        const PlaneProduct products[] = {{plane_a, plane_b, Plane::of(at(c), size.m, size.n), 0.5f}};
        trainer.multiply({products, (ways & 4) != 0, rounded});
        return c;
      };
      const auto magnitudes = [](Numbers numbers) {
        for (float& number : numbers) number = std::abs(number);
        return numbers;
      };
      Numbers all_a = magnitudes(a), all_b = magnitudes(b);
      const Numbers got = product(*trainer_, a, b, true), exact = product(reference_, a, b, false);
      const Numbers most = product(reference_, all_a, all_b, false);
      EXPECT_EQ(got, product(*alone_, a, b, true));
      for (size_t index = 0; index < got.size(); ++index)
        ASSERT_LE(std::abs(got[index] - exact[index]), most[index] / 128) << size.m << " " << size.k << " way " << ways;
    }
}

TEST_P(TrainerTest, ManyProductsAtOnce) {
  constexpr int64_t kExperts = 5, kWidth = 33, kOutputs = 70;
  Numbers x = random_numbers(100 * kWidth, 1), weights = random_numbers(kExperts * kWidth * kOutputs, 2);
  const int64_t first[] = {0, 30, 30, 31, 77, 100};
  expect_close(
      [&](Trainer& trainer) {
        Numbers y(100 * kOutputs, 9.0f);
        std::vector<PlaneProduct> products;
        for (int64_t expert = 0; expert < kExperts; ++expert)
          products.push_back(
              {Plane::of(at(x), 100, kWidth).rows_from(first[expert], first[expert + 1] - first[expert]),
               Plane::of(at(weights, expert * kWidth * kOutputs), kWidth, kOutputs),
               Plane::of(at(y), 100, kOutputs).rows_from(first[expert], first[expert + 1] - first[expert])});
        trainer.multiply({products, false, false});
        return y;
      },
      1e-5, "experts");
}

TEST_P(TrainerTest, Attention) {
  for (const int64_t tokens : {1, 63, 65, 200}) {
    constexpr int64_t kHeads = 4, kKvHeads = 2, kWidth = 20;
    Numbers q = random_numbers(tokens * kHeads * kWidth, 1), k = random_numbers(tokens * kKvHeads * kWidth, 2);
    Numbers v = random_numbers(tokens * kKvHeads * kWidth, 3), dout = random_numbers(tokens * kHeads * kWidth, 4);
    std::vector<int32_t> first;
    for (int64_t token = 0; token < tokens; ++token)  // texts of 50, the last in chunks of 16
      first.push_back(static_cast<int32_t>(token < 150 ? token / 50 * 50 : 150 + (token - 150) / 16 * 16));
    if (tokens == 65) std::fill(first.begin(), first.end(), 0);
    expect_close(
        [&](Trainer& trainer) {
          Numbers out(q.size()), lse(static_cast<size_t>(tokens * kHeads)), dq(q.size()), dk(k.size()), dv(v.size());
          const AttendDocuments forward{rows_of(q, tokens),
                                        rows_of(k, tokens),
                                        rows_of(v, tokens),
                                        kHeads,
                                        kWidth,
                                        first,
                                        0.3f,
                                        rows_of(out, tokens),
                                        at(lse)};
          trainer.attend(forward);
          trainer.attend_backward(
              {forward, rows_of(dout, tokens), rows_of(dq, tokens), rows_of(dk, tokens), rows_of(dv, tokens)});
          Numbers all = out;
          for (const Numbers* each : {&lse, &dq, &dk, &dv}) all.insert(all.end(), each->begin(), each->end());
          return all;
        },
        3e-6, std::to_string(tokens));
  }
}

TEST_P(TrainerTest, RowsOfNumbers) {
  for (const int64_t width : {1, 15, 64, 1025}) {
    constexpr int64_t kRows = 70;
    Numbers x = random_numbers(kRows * width, 1), weight = random_numbers(width, 2),
            dy = random_numbers(kRows * width, 3);
    expect_close(
        [&](Trainer& trainer) {
          Numbers dx = x, dweight = weight;
          trainer.norm_backward(
              {rows_of(x, kRows), at(weight), width, 1e-5f, rows_of(dy, kRows), rows_of(dx, kRows), true, at(dweight)});
          dx.insert(dx.end(), dweight.begin(), dweight.end());
          return dx;
        },
        2e-6, "norm");
    Numbers gate_up = random_numbers(2 * kRows * width, 4);
    for (float& number : gate_up) number *= 30;  // far out, where exponentials end
    expect_close(
        [&](Trainer& trainer) {
          Numbers inner(static_cast<size_t>(kRows * width)), both = gate_up;
          trainer.silu_product({rows_of(both, kRows), rows_of(inner, kRows)});
          trainer.silu_product_backward({rows_of(both, kRows), rows_of(dy, kRows)});
          both.insert(both.end(), inner.begin(), inner.end());
          return both;
        },
        2e-6, "silu");
    std::vector<int32_t> targets;
    for (int64_t row = 0; row < kRows; ++row)
      targets.push_back(row % 5 == 0 ? kNoTarget : static_cast<int32_t>(row % width));
    const Numbers weights = random_numbers(kRows, 5);
    expect_close(
        [&](Trainer& trainer) {
          Numbers logits = x;
          for (float& number : logits) number *= 50;
          std::vector<double> losses(kRows);
          trainer.token_loss({rows_of(logits, kRows), targets, weights, losses});
          for (const double loss : losses) logits.push_back(static_cast<float>(loss));
          return logits;
        },
        4e-6, "loss");
    for (const int64_t kept : {int64_t{1}, std::min<int64_t>(5, width), width}) {
      std::vector<int32_t> ids;
      Numbers logprobs, tails;
      for (int64_t row = 0; row < kRows; ++row) {
        for (int64_t index = 0; index < kept; ++index) {
          ids.push_back(static_cast<int32_t>((row * 7 + index) % width));
          logprobs.push_back(std::log(0.8f / static_cast<float>(kept)));
        }
        tails.push_back(kept == width ? -std::numeric_limits<float>::infinity() : std::log(0.2f));
      }
      Numbers alphas = random_numbers(kRows, 6);
      for (float& alpha : alphas) alpha = std::abs(alpha);
      for (const bool with_gradient : {false, true})
        expect_close(
            [&](Trainer& trainer) {
              Numbers logits = x;
              for (float& number : logits) number *= 20;
              std::vector<double> losses(kRows), divergences(kRows);
              trainer.distilled_loss(
                  {.hard = {rows_of(logits, kRows), targets,
                            with_gradient ? std::span<const float>(weights) : std::span<const float>(), losses},
                   .ids = ids,
                   .logprobs = logprobs,
                   .tails = tails,
                   .kept = kept,
                   .temperature = 1.5f,
                   .divergences = divergences,
                   .alphas = alphas});
              for (const double loss : losses) logits.push_back(static_cast<float>(loss));
              for (const double divergence : divergences) logits.push_back(static_cast<float>(divergence));
              return logits;
            },
            4e-6, "distilled");
    }
  }
}

TEST_P(TrainerTest, AdamWKeepsItsCourse) {
  constexpr int64_t kCount = 5000;
  Numbers gradients = random_numbers(kCount, 1);
  gradients[7] = 0;
  expect_close(
      [&](Trainer& trainer) {
        Numbers weights = random_numbers(kCount, 2), first(kCount), second(kCount);
        for (int64_t step = 1; step <= 3; ++step)
          trainer.adamw({.weights = at(weights),
                         .gradients = at(gradients),
                         .first_moments = at(first),
                         .second_moments = at(second),
                         .count = kCount,
                         .step = step,
                         .rate = 1e-2,
                         .decay = 0.1,
                         .clip = 0.7});
        return weights;
      },
      1e-6, "adamw");
}

// Steps with moments as bytes go where those with numbers go, and moments that change by less than a code still change.
TEST_P(TrainerTest, MomentsAsBytesKeepTheCourseOnTheWhole) {
  constexpr int64_t kCount = 1000;  // not of whole blocks
  Numbers exact = random_numbers(kCount, 2), bytes = exact, one_thread = exact;
  Numbers first(kCount), second(kCount);
  const size_t size = moment_bytes(MomentFormat::kBytes, kCount);
  EXPECT_EQ(size, 4u * (256 + 4));
  std::vector<std::byte> firsts(size), seconds(size), firsts_alone(size), seconds_alone(size);
  const Numbers start = exact;
  for (int64_t step = 1; step <= 300; ++step) {
    Numbers gradients = random_numbers(kCount, static_cast<int>(step));
    for (int64_t index = 0; index < kCount; ++index)
      gradients[static_cast<size_t>(index)] =
          0.3f * gradients[static_cast<size_t>(index)] + (index % 2 == 0 ? 1e-3f : -1e3f);
    AdamW op{.weights = at(exact),
             .gradients = at(gradients),
             .first_moments = at(first),
             .second_moments = at(second),
             .count = kCount,
             .step = step,
             .rate = 1e-2,
             .beta2 = 0.999};
    trainer_->adamw(op);
    op.moments = MomentFormat::kBytes;
    op.weights = at(bytes);
    op.first_moments = HostMemory::address_of(firsts.data());
    op.second_moments = HostMemory::address_of(seconds.data());
    trainer_->adamw(op);
    op.weights = at(one_thread);
    op.first_moments = HostMemory::address_of(firsts_alone.data());
    op.second_moments = HostMemory::address_of(seconds_alone.data());
    alone_->adamw(op);
  }
  EXPECT_EQ(bytes, one_thread);
  double moved = 0, apart = 0;
  for (size_t index = 0; index < start.size(); ++index) {
    ASSERT_TRUE(std::isfinite(bytes[index]));
    moved += std::abs(static_cast<double>(exact[index]) - start[index]);
    apart += std::abs(static_cast<double>(exact[index]) - bytes[index]);
  }
  EXPECT_LT(apart, 0.1 * moved);  // a code is a sixteenth to an eighth of its number
}

TEST_P(TrainerTest, AveragesAreWhatTheyAreOfBoth) {
  Numbers mean(777, 2.0f);
  Numbers latest(777, 6.0f);
  trainer_->average(at(latest), at(mean), 777, 0.75f);
  EXPECT_EQ(mean, Numbers(777, 3.0f));
}

std::vector<std::string> all_but_the_reference() {
  std::vector<std::string> names = available_machines();
  std::erase(names, "reference");
  return names;
}

// None on a processor that has the reference alone.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TrainerTest);
INSTANTIATE_TEST_SUITE_P(Machines, TrainerTest, testing::ValuesIn(all_but_the_reference()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace paddock::kernels
