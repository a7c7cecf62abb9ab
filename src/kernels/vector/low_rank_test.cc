// SPDX-License-Identifier: Apache-2.0
// Low-rank updates on every machine of this processor: the equation in double precision, the bits of the reference, and
// rows that depend on nothing beside them.

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "kernels/choose.h"
#include "kernels/host/host_memory.h"

namespace paddock::kernels {
namespace {

class LowRankTest : public testing::Test {
 protected:
  std::vector<float> random(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(random_);
    return values;
  }
  std::mt19937 random_{11};
};

Rows rows_over(const std::vector<float>& values, int64_t width) {
  return {HostMemory::address_of(values.data()), static_cast<int64_t>(values.size()) / width, width};
}

// An update with the numbers that it has.
struct OwnedUpdate {
  std::vector<float> down, up;
  LowRank handle;

  // `beside`: numbers between two rows of `up` that are not its own.
  OwnedUpdate(std::vector<float> down_numbers, std::vector<float> up_numbers, int64_t rank, int64_t beside)
      : down(std::move(down_numbers)), up(std::move(up_numbers)) {
    const auto inputs = static_cast<int64_t>(down.size()) / rank, stride = static_cast<int64_t>(up.size()) / rank;
    handle = {HostMemory::address_of(down.data()),
              HostMemory::address_of(up.data()),
              rank,
              inputs,
              stride - beside,
              stride,
              0.75f};
  }
  double of(const float* x, int64_t output) const {
    double sum = 0;
    for (int64_t j = 0; j < handle.rank; ++j) {
      double h = 0;
      for (int64_t input = 0; input < handle.inputs; ++input)
        h += static_cast<double>(down[static_cast<size_t>(j * handle.inputs + input)]) * x[input];
      sum += h * up[static_cast<size_t>(j * handle.up_stride + output)];
    }
    return handle.scale * sum;
  }
};

TEST_F(LowRankTest, MeetsTheEquationWithTheBitsOfTheReference) {
  constexpr int64_t kRows = 70;
  const std::vector<int32_t> some = {0, 1, 2, 3, 4, 9, 11, 12, 69}, others = {5, 30, 31};
  for (const int64_t inputs : {1, 16, 33, 200})
    for (const int64_t outputs : {1, 255, 256, 300})
      for (const int64_t rank : {1, 3, 16}) {
        const auto x = random(kRows * inputs), before = random(kRows * outputs);
        const OwnedUpdate one(random(rank * inputs), random(rank * (outputs + 7)), rank, 7),
            two(random(inputs), random(outputs), 1, 0);
        const UpdatedRows updates[] = {{one.handle, some}, {two.handle, others}};
        std::vector<float> expected;
        for (const std::string& name : available_machines())
          for (const int threads : {1, 3}) {
            auto machine = *make_machine(name, threads);
            auto y = before;
            const UpdatedProduct product = {rows_over(x, inputs), rows_over(y, outputs), updates};
            machine->add_low_rank({{&product, 1}});
            if (expected.empty()) expected = y;
            ASSERT_EQ(std::memcmp(expected.data(), y.data(), y.size() * sizeof(float)), 0) << name << ", " << threads;
          }
        const auto is_in = [](const std::vector<int32_t>& rows, int64_t row) {
          return std::find(rows.begin(), rows.end(), row) != rows.end();
        };
        for (int64_t row = 0; row < kRows; ++row)
          for (int64_t output = 0; output < outputs; ++output) {
            const float* of_row = x.data() + row * inputs;
            const auto at = static_cast<size_t>(row * outputs + output);
            const double added = is_in(some, row)     ? one.of(of_row, output)
                                 : is_in(others, row) ? two.of(of_row, output)
                                                      : 0;
            ASSERT_NEAR(expected[at], before[at] + added, 1e-3) << row << ", " << output;
          }
      }
}

TEST_F(LowRankTest, ARowDoesNotDependOnItsCompany) {
  constexpr int64_t kInputs = 100, kOutputs = 300, kRank = 8;
  const auto x = random(40 * kInputs), before = random(40 * kOutputs);
  const OwnedUpdate update(random(kRank * kInputs), random(kRank * kOutputs), kRank, 0);
  std::vector<int32_t> all(40);
  for (size_t row = 0; row < all.size(); ++row) all[row] = static_cast<int32_t>(row);
  for (const std::string& name : available_machines()) {
    auto machine = *make_machine(name, 2);
    auto together = before, alone = before;
    const UpdatedRows of_all = {update.handle, all};
    const UpdatedProduct product = {rows_over(x, kInputs), rows_over(together, kOutputs), {&of_all, 1}};
    machine->add_low_rank({{&product, 1}});
    for (const int32_t row : all) {
      const UpdatedRows of_one = {update.handle, {&row, 1}};
      const UpdatedProduct single = {rows_over(x, kInputs), rows_over(alone, kOutputs), {&of_one, 1}};
      machine->add_low_rank({{&single, 1}});
    }
    EXPECT_EQ(std::memcmp(together.data(), alone.data(), alone.size() * sizeof(float)), 0) << name;
  }
}

// Experts of one adapter, of another and of none in one step, against each alone.
TEST_F(LowRankTest, ExpertsOfATokenAreItsAdapters) {
  constexpr int64_t kWidth = 48, kInner = 32, kExperts = 3, kTokens = 9, kChosen = 2, kRank = 4;
  const auto matrix = [](const std::vector<float>& numbers, int64_t outputs, int64_t inputs) {
    return Matrix{.weights = HostMemory::address_of(numbers.data()),
                  .outputs = outputs,
                  .inputs = inputs,
                  .row_stride = static_cast<size_t>(inputs) * sizeof(float)};
  };
  std::vector<std::vector<float>> numbers;
  std::vector<ExpertWeights> experts;
  for (int64_t expert = 0; expert < kExperts; ++expert) {
    for (int part = 0; part < 3; ++part) numbers.push_back(random(kWidth * kInner));
    const auto* of = &numbers[numbers.size() - 3];
    experts.push_back({matrix(of[0], kInner, kWidth), matrix(of[1], kInner, kWidth), matrix(of[2], kWidth, kInner)});
  }
  std::vector<OwnedUpdate> owned;
  std::vector<std::vector<MlpUpdate>> adapters(2);
  owned.reserve(2 * 3 * kExperts);
  for (auto& adapter : adapters)
    for (int64_t expert = 0; expert < kExperts; ++expert) {
      MlpUpdate update;
      owned.emplace_back(random(kRank * kWidth), random(kRank * 2 * kInner), kRank, kInner);
      update.gate = update.up = owned.back().handle;
      update.up.up = update.up.up.plus(kInner * sizeof(float));
      owned.emplace_back(random(kRank * kInner), random(kRank * kWidth), kRank, 0);
      if (expert != 1) update.down = owned.back().handle;
      adapter.push_back(update);
    }
  const auto x = random(kTokens * kWidth), before = random(kTokens * kWidth), gates = random(kTokens * kChosen);
  const std::vector<int32_t> chosen = {0, 1, 2, 0, 1, 2, 1, 0, 0, 2, 2, 1, 0, 1, 1, 2, 2, 0};
  const std::span<const MlpUpdate> both[] = {adapters[0], adapters[1]};

  for (const std::string& name : available_machines()) {
    auto machine = *make_machine(name, 2, true);
    const auto run = [&](int64_t first, int64_t tokens, const std::vector<int32_t>& adapter_of) {
      std::vector<float> y(before.begin() + first * kWidth, before.begin() + (first + tokens) * kWidth);
      std::vector<float> xs(static_cast<size_t>(tokens * kChosen * kWidth)),
          ys = xs, gate(static_cast<size_t>(tokens * kChosen * kInner)), up = gate;
      const ExpertUpdates updates = {adapter_of, both};
      machine->experts({.x_TD = {HostMemory::address_of(x.data() + first * kWidth), tokens, kWidth},
                        .routing = {HostMemory::address_of(chosen.data() + first * kChosen),
                                    HostMemory::address_of(gates.data() + first * kChosen), tokens, kChosen},
                        .experts = experts,
                        .x_RD = rows_over(xs, kWidth),
                        .y_RD = rows_over(ys, kWidth),
                        .gate_RF = rows_over(gate, kInner),
                        .up_RF = rows_over(up, kInner),
                        .y_TD = rows_over(y, kWidth),
                        .updates = adapter_of.empty() ? nullptr : &updates});
      return y;
    };
    const std::vector<int32_t> adapter_of = {-1, 0, 1, 1, -1, 0, 0, 1, -1};
    const auto together = run(0, kTokens, adapter_of);
    for (int64_t token = 0; token < kTokens; ++token) {
      const int32_t adapter = adapter_of[static_cast<size_t>(token)];
      const auto alone = adapter < 0 ? run(token, 1, {}) : run(token, 1, {adapter});
      EXPECT_EQ(std::memcmp(alone.data(), together.data() + token * kWidth, kWidth * sizeof(float)), 0)
          << name << ", token " << token;
    }
    const auto without = run(0, kTokens, {});
    for (int64_t token = 0; token < kTokens; ++token) {
      const bool same =
          std::memcmp(without.data() + token * kWidth, together.data() + token * kWidth, kWidth * sizeof(float)) == 0;
      EXPECT_EQ(same, adapter_of[static_cast<size_t>(token)] < 0) << name << ", token " << token;
    }
  }
}

}  // namespace
}  // namespace paddock::kernels
