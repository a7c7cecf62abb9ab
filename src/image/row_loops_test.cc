// SPDX-License-Identifier: Apache-2.0
// Every version of the loops gives the bytes of the plain ones, and the plain ones those of the equation in filter.h.

#include "image/row_loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace paddock::image {
namespace {

constexpr uint8_t kUntouched = 0xa5;

std::vector<uint8_t> random_bytes(std::mt19937& random, int64_t count) {
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// The equation, in another form than the code's: all old samples, in 64 bits.
uint8_t expected_sample(const Filter& filter, int64_t output, const std::vector<uint8_t>& old_samples) {
  const double scale = static_cast<double>(filter.old_size) / static_cast<double>(filter.new_size);
  const double stretch = std::max(scale, 1.0), centre = (static_cast<double>(output) + 0.5) * scale;
  const auto first = std::max<int64_t>(static_cast<int64_t>(centre - stretch + 0.5), 0);
  const auto last = std::min<int64_t>(static_cast<int64_t>(centre + stretch + 0.5), filter.old_size);
  const auto weight = [&](int64_t j) {
    return std::max(0.0, 1.0 - std::abs((static_cast<double>(j) - centre + 0.5) / stretch));
  };
  double whole = 0;
  for (int64_t j = first; j < last; ++j) whole += weight(j);
  int64_t sum = 0;
  for (int64_t j = first; j < last; ++j)
    sum += static_cast<int64_t>(weight(j) / whole * 4194304.0 + 0.5) * old_samples[static_cast<size_t>(j)];
  return static_cast<uint8_t>(std::clamp<int64_t>((sum + 2097152) >> 22, 0, 255));
}

// One row, with others beside it.
std::vector<uint8_t> across(const RowLoops& loops, const Filter& filter, const std::vector<uint8_t>& old_row) {
  const std::vector<uint8_t> other(old_row.size(), 77);
  const auto new_bytes = static_cast<size_t>(filter.new_size * 3);
  std::vector<uint8_t> new_row(new_bytes + kRowMargin), others(new_bytes + kRowMargin);
  const auto& o = old_row;
  loops.across(filter, {other.data(), o.data(), o.data(), o.data()},
               {others.data(), new_row.data(), new_row.data(), new_row.data()});
  EXPECT_TRUE(std::all_of(others.begin(), others.begin() + static_cast<ptrdiff_t>(new_bytes),
                          [](uint8_t byte) { return byte >= 76 && byte <= 77; }));
  new_row.resize(new_bytes);
  return new_row;
}

std::vector<const RowLoops*> all_loops() {
  std::vector<const RowLoops*> loops{&kPlainLoops};
  if (__builtin_cpu_supports("avx2")) loops.push_back(&kAvx2Loops);
  return loops;
}

struct Sizes {
  int64_t old_size, new_size;
};
constexpr Sizes kSizes[] = {{1, 336},  {2, 1},     {3, 2},      {4, 5},       {5, 4},      {7, 336},
                            {16, 15},  {17, 16},   {33, 32},    {40, 8},      {64, 63},    {79, 335},
                            {100, 1},  {335, 336}, {337, 336},  {512, 336},   {1000, 77},  {1001, 42},
                            {2001, 9}, {9000, 1},  {3000, 336}, {4000, 1344}, {30000, 14}, {65535, 336}};

TEST(RowLoops, AcrossFollowsTheEquation) {
  std::mt19937 random(1);
  for (const auto [old_size, new_size] : kSizes) {
    const Filter filter = make_filter(old_size, new_size);
    const std::vector<uint8_t> old_row = random_bytes(random, old_size * 3);
    for (const RowLoops* loops : all_loops()) {
      const std::vector<uint8_t> new_row = across(*loops, filter, old_row);
      for (int channel = 0; channel < 3; ++channel) {
        std::vector<uint8_t> old_samples;
        for (int64_t x = 0; x < old_size; ++x) old_samples.push_back(old_row[static_cast<size_t>(3 * x + channel)]);
        for (int64_t x = 0; x < new_size; x += std::max<int64_t>(new_size / 50, 1))
          ASSERT_EQ(new_row[static_cast<size_t>(3 * x + channel)], expected_sample(filter, x, old_samples))
              << old_size << " to " << new_size << " at " << x;
      }
    }
  }
}

TEST(RowLoops, AcrossIsTheSameOnEveryProcessor) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    const int64_t old_size = 1 + random() % 700, new_size = 1 + random() % 700;
    if (old_size == new_size) continue;
    const Filter filter = make_filter(old_size, new_size);
    // White shows sums that pass the greatest byte; the row has no byte to spare, for address checkers to see.
    const std::vector<uint8_t> old_row = round % 8 == 0 ? std::vector<uint8_t>(static_cast<size_t>(old_size * 3), 255)
                                                        : random_bytes(random, old_size * 3);
    std::vector<std::vector<uint8_t>> rows;
    for (const RowLoops* loops : all_loops()) rows.push_back(across(*loops, filter, old_row));
    for (const auto& row : rows) ASSERT_EQ(row, rows[0]) << old_size << " to " << new_size;
  }
}

TEST(RowLoops, DownIsTheSameOnEveryProcessorAndFollowsTheEquation) {
  std::mt19937 random(3);
  for (const auto [old_size, new_size] : kSizes) {
    if (old_size > 1100) continue;  // the oracle reads all rows
    const Filter filter = make_filter(old_size, new_size);
    for (const int64_t bytes : {1, 3, 31, 32, 33, 63, 64, 65, 99, 3 * 336}) {
      std::vector<std::vector<uint8_t>> old_rows;
      for (int64_t y = 0; y < old_size; ++y) old_rows.push_back(random_bytes(random, bytes));
      const int64_t output = static_cast<int64_t>(random()) % new_size;
      std::vector<const uint8_t*> window;
      for (int64_t tap = 0; tap < filter.count[static_cast<size_t>(output)]; ++tap)
        window.push_back(old_rows[static_cast<size_t>(filter.first[static_cast<size_t>(output)] + tap)].data());
      for (const RowLoops* loops : all_loops()) {
        std::vector<uint8_t> row(static_cast<size_t>(bytes + kRowMargin));
        loops->down(window.data(), filter.coefficients.data() + output * filter.taps,
                    filter.count[static_cast<size_t>(output)], bytes, row.data());
        for (int64_t i = 0; i < bytes; i += 7) {
          std::vector<uint8_t> old_samples;
          for (const auto& old_row : old_rows) old_samples.push_back(old_row[static_cast<size_t>(i)]);
          ASSERT_EQ(row[static_cast<size_t>(i)], expected_sample(filter, output, old_samples))
              << old_size << " to " << new_size << ", " << bytes << " bytes";
        }
      }
    }
  }
}

TEST(RowLoops, SplitTakesChannelsApart) {
  std::mt19937 random(4);
  for (int64_t count = 0; count < 70; ++count) {
    const std::vector<uint8_t> rgb = random_bytes(random, count * 3);
    for (const RowLoops* loops : all_loops()) {
      std::vector<uint8_t> planes(static_cast<size_t>(count * 3 + 1), kUntouched);
      loops->split(rgb.data(), count, planes.data(), planes.data() + count, planes.data() + 2 * count);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t channel = 0; channel < 3; ++channel)
          ASSERT_EQ(planes[static_cast<size_t>(channel * count + i)], rgb[static_cast<size_t>(3 * i + channel)]);
      ASSERT_EQ(planes.back(), kUntouched);
    }
  }
}

// White stays white whatever the rounding of the weights, up to the longest side.
TEST(RowLoops, NothingIsBrighterThanWhite) {
  for (const auto [old_size, new_size] : kSizes) {
    const Filter filter = make_filter(old_size, new_size);
    const std::vector<uint8_t> old_row(static_cast<size_t>(old_size * 3), 255);
    for (const RowLoops* loops : all_loops()) {
      const std::vector<uint8_t> row = across(*loops, filter, old_row);
      EXPECT_TRUE(std::all_of(row.begin(), row.end(), [](uint8_t byte) { return byte >= 254; }));
    }
  }
}

}  // namespace
}  // namespace paddock::image
