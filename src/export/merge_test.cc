// SPDX-License-Identifier: Apache-2.0
#include "export/merge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace paddock::exporting {
namespace {

using train::AdapterUpdate;
using train::ExpertLayout;

float number(int64_t index) { return static_cast<float>(std::sin(static_cast<double>(index) * 1.7)); }

std::vector<float> numbers(int64_t count, int64_t from) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t index = 0; index < count; ++index) values[static_cast<size_t>(index)] = number(from + index);
  return values;
}

// Weights [rows, columns] get scale * sum over j of left(row, j) * right(j, column), by the definition.
template <typename Left, typename Right>
void expect_update(const AdapterUpdate& update, const std::vector<float>& block, int64_t expert, int64_t rows,
                   int64_t columns, const Left& left, const Right& right) {
  const std::vector<float> before = numbers(rows * columns, 1000);
  std::vector<float> after = before;
  add_update(update, block, expert, after);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      double sum = 0;
      for (int64_t j = 0; j < update.rank; ++j) sum += static_cast<double>(left(row, j)) * right(j, column);
      const auto at = static_cast<size_t>(row * columns + column);
      EXPECT_NEAR(after[at], before[at] + update.scale * sum, 1e-6) << row << ", " << column;
    }
}

constexpr int64_t kRank = 3, kInputs = 4, kOutputs = 5, kExperts = 2;

TEST(Merge, AMatrixGetsBTimesA) {
  const std::vector<float> block = numbers(200, 0);
  const AdapterUpdate update{.a = 7, .b = 50, .rank = kRank, .inputs = kInputs, .outputs = kOutputs, .scale = 2.5f};
  expect_update(
      update, block, 0, kOutputs, kInputs,
      [&](int64_t row, int64_t j) { return block[static_cast<size_t>(50 + row * kRank + j)]; },
      [&](int64_t j, int64_t column) { return block[static_cast<size_t>(7 + j * kInputs + column)]; });
}

TEST(Merge, AnExpertGetsItsOwnInEitherLayout) {
  const std::vector<float> block = numbers(400, 0);
  for (int64_t expert = 0; expert < kExperts; ++expert) {
    AdapterUpdate update{.a = 16,
                         .b = 160,
                         .rank = kRank,
                         .experts = kExperts,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .layout = ExpertLayout::kInputsFirst,
                         .scale = 0.5f};
    // A [E r, X], row e r + j; B [D, r E], column j E + e.
    const auto a = [&](int64_t j, int64_t column, int64_t width) {
      return block[static_cast<size_t>(16 + (expert * kRank + j) * width + column)];
    };
    const auto b = [&](int64_t row, int64_t j) {
      return block[static_cast<size_t>(160 + row * kRank * kExperts + j * kExperts + expert)];
    };
    expect_update(update, block, expert, kInputs, kOutputs, b,
                  [&](int64_t j, int64_t column) { return a(j, column, kOutputs); });
    update.layout = ExpertLayout::kOutputsFirst;  // A [E r, D], B [X, r E], W_e += (B_e A_e)^T
    expect_update(
        update, block, expert, kInputs, kOutputs, [&](int64_t row, int64_t j) { return a(j, row, kInputs); },
        [&](int64_t j, int64_t column) { return b(column, j); });
  }
}

}  // namespace
}  // namespace paddock::exporting
