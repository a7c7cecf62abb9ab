// SPDX-License-Identifier: Apache-2.0
// Attention of the vector machines against the reference, and against itself: cut into pieces and on more threads it
// has the same bits.

#include "kernels/vector/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/features.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "tensor/kv_row.h"

namespace paddock::kernels {
namespace {

constexpr tensor::DType kRowFormats[] = {tensor::DType::kF32, tensor::DType::kF16, tensor::DType::kBF16,
                                         tensor::DType::kQ8_0, tensor::DType::kQ4_1};
const tensor::KvFormat kCacheFormats[] = {tensor::DType::kF32,
                                          tensor::DType::kF16,
                                          tensor::DType::kBF16,
                                          tensor::DType::kQ8_0,
                                          {tensor::DType::kQ8_0, tensor::DType::kQ4_1},
                                          tensor::DType::kQ4_1};

// Sanitizers make all of this forty times slower; what they look for shows in fewer shapes too.
#ifdef PADDOCK_SANITIZED
const std::vector<int64_t> kHeadWidths = {3, 31, 88, 130}, kGroups = {5}, kPages = {4, 100};
const std::vector<int64_t> kLongPages = {64}, kLongChunks = {1300}, kLongPieces = {31, 2300};
#else
const std::vector<int64_t> kLongPages = {16, 64, 96}, kLongChunks = {0, 1300}, kLongPieces = {1, 7, 31, 2300};
const std::vector<int64_t> kHeadWidths = {1, 3, 8, 16, 31, 64, 88, 96, 128, 130}, kGroups = {1, 5, 8},
                           kPages = {1, 4, 16, 64, 100, 256};
#endif

struct Shape {
  int64_t head_width = 64;
  int64_t kv_heads = 2;
  int64_t group = 1;
  int64_t page_positions = 64;
  int64_t chunk = 0;
  int64_t length = 0;
  tensor::KvFormat format;

  int64_t query_width() const { return kv_heads * group * head_width; }
  int64_t kv_width() const { return kv_heads * head_width; }
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.length << " positions, chunk " << shape.chunk << ", pages of " << shape.page_positions << ", "
             << shape.kv_heads << " x " << shape.group << " heads of " << shape.head_width << ", "
             << shape.format.name();
}

std::vector<float> random_numbers(int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& number : numbers) number = normal(random);
  return numbers;
}

Rows rows_of(const std::vector<float>& numbers, int64_t width) {
  return {HostMemory::address_of(numbers.data()), static_cast<int64_t>(numbers.size()) / width, width};
}

// One sequence whose pages lie in any order in a pool that ends where its last page does.
struct Sequence {
  explicit Sequence(const Shape& of) : shape(of) {
    const int64_t count = (shape.length + shape.page_positions - 1) / shape.page_positions;
    pages.resize(static_cast<size_t>(count));
    std::iota(pages.begin(), pages.end(), 0);
    std::shuffle(pages.begin(), pages.end(), std::mt19937(5));
    const size_t page_bytes =
        static_cast<size_t>(shape.kv_heads * shape.page_positions) * shape.format.position_bytes(shape.head_width);
    // What nobody has written is not a number: it must reach no result.
    memory.assign(static_cast<size_t>(count) * page_bytes, std::byte{0xFF});
    cache = {.base = HostMemory::address_of(memory.data()),
             .format = shape.format,
             .page_bytes = page_bytes,
             .page_positions = shape.page_positions,
             .kv_heads = shape.kv_heads,
             .head_width = shape.head_width};
    q = random_numbers(shape.length * shape.query_width(), 1);
    k = random_numbers(shape.length * shape.kv_width(), 2);
    v = random_numbers(shape.length * shape.kv_width(), 3);
  }
  AppendKv append(const SequenceRows& rows) const {
    return {rows_of(k, shape.kv_width()), rows_of(v, shape.kv_width()), cache, {&rows, 1}};
  }
  // Scores of a few units, so that softmax neither is flat nor sees one position alone.
  Attend attend(const SequenceRows& rows, const std::vector<float>& out) const {
    const auto width = static_cast<float>(shape.head_width);
    return {.q_TNH = rows_of(q, shape.query_width()),
            .cache = cache,
            .sequences = {&rows, 1},
            .query_heads = shape.kv_heads * shape.group,
            .chunk = shape.chunk,
            .scale = 2.0f / std::sqrt(width),
            .out_TNH = rows_of(out, shape.query_width())};
  }

  Shape shape;
  std::vector<int32_t> pages;
  std::vector<std::byte> memory;
  KvPages cache;
  std::vector<float> q, k, v;
};

class AttentionTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const bool available = GetParam() == std::string("avx2") ? cpu_features().avx2 : cpu_features().avx512;
    if (!available) GTEST_SKIP() << "this processor has no " << GetParam();
  }
  static const AttendKernels& kernels() {
    return GetParam() == std::string("avx2") ? avx2::kAttendKernels : avx512::kAttendKernels;
  }

  // The sequence computed in pieces of `piece` rows; the last only what is left.
  static std::vector<float> compute(Sequence* sequence, int64_t piece, int threads) {
    ThreadPool pool(threads);
    PagedAttention attention(kernels(), &pool);
    std::vector<float> out(sequence->q.size());
    for (int64_t row = 0; row < sequence->shape.length; row += piece) {
      const SequenceRows rows{row, std::min(piece, sequence->shape.length - row), row, sequence->pages, 0};
      attention.append_kv(sequence->append(rows));
      attention.attend(sequence->attend(rows, out));
    }
    return out;
  }

  static void expect_as_reference(const Shape& shape) {
    Sequence sequence(shape);
    const auto found = compute(&sequence, shape.length, 2);
    const auto stored = sequence.memory;
    std::vector<float> expected(sequence.q.size());
    const SequenceRows rows{0, shape.length, 0, sequence.pages, 0};
    ReferenceMachine reference(2);
    reference.append_kv(sequence.append(rows));
    EXPECT_EQ(stored, sequence.memory) << shape;
    reference.attend(sequence.attend(rows, expected));
    // The H roundings of a score are of sums of about sqrt(H) and add up as their root: 2^-24 H, times a scale of
    // 2 / sqrt(H) 1.4e-6 at H = 130, which is a weight's relative error. Weights add up to one, |v| < 5, and the
    // reference's error comes on top.
    double largest = 0;
    for (size_t index = 0; index < found.size(); ++index)
      largest = std::max(largest, static_cast<double>(std::abs(found[index] - expected[index])));
    EXPECT_LT(largest, 2e-5) << shape;
    EXPECT_TRUE(std::none_of(found.begin(), found.end(), [](float x) { return std::isnan(x); })) << shape;
  }

  static void expect_same_bits(const Shape& shape, const std::vector<int64_t>& pieces) {
    Sequence sequence(shape);
    const auto expected = compute(&sequence, shape.length, 1);
    for (const int threads : {1, 2})
      for (const int64_t piece : pieces) {
        const auto found = compute(&sequence, piece, threads);
        EXPECT_EQ(0, std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)))
            << shape << " in pieces of " << piece << ", " << threads << " threads";
      }
  }

  static void expect_unseen_does_not_count(const Shape& shape) {
    Sequence sequence(shape);
    const auto expected = compute(&sequence, shape.length, 1);
    const auto poison = [&](int64_t first, int64_t count) {
      Sequence poisoned(shape);
      const auto begin = static_cast<size_t>(first * shape.kv_width());
      std::fill_n(&poisoned.k[begin], count * shape.kv_width(), std::numeric_limits<float>::quiet_NaN());
      std::fill_n(&poisoned.v[begin], count * shape.kv_width(), std::numeric_limits<float>::infinity());
      return compute(&poisoned, shape.length, 1);
    };
    const auto width = static_cast<size_t>(shape.query_width());
    const auto before = poison(0, 24), after = poison(30, 18);
    EXPECT_EQ(0, std::memcmp(&before[24 * width], &expected[24 * width], 24 * width * sizeof(float)));
    EXPECT_EQ(0, std::memcmp(after.data(), expected.data(), 30 * width * sizeof(float)));
    EXPECT_TRUE(std::isnan(after[30 * width]));
  }
};

TEST_P(AttentionTest, AgreesWithTheReferenceAtEveryHeadWidth) {
  for (const tensor::KvFormat& format : kCacheFormats)
    for (const int64_t width : kHeadWidths)
      for (const int64_t group : kGroups)
        for (const int64_t chunk : {0, 48})
          expect_as_reference({.head_width = width, .group = group, .chunk = chunk, .length = 150, .format = format});
}

TEST_P(AttentionTest, AgreesWithTheReferenceForAnyPageAndChunk) {
  for (const tensor::KvFormat& format : kCacheFormats)
    for (const int64_t page : kPages)
      for (const int64_t chunk : {0, 1, 6, 8, 90, 128})
        expect_as_reference({.head_width = 40,
                             .kv_heads = 1,
                             .group = 3,
                             .page_positions = page,
                             .chunk = chunk,
                             .length = 270,
                             .format = format});
}

TEST_P(AttentionTest, AgreesWithTheReferenceBeyondASegment) {
  for (const int64_t chunk : kLongChunks)
    expect_as_reference({.head_width = 64, .kv_heads = 1, .group = 2, .chunk = chunk, .length = 2200});
  expect_as_reference({.head_width = 64,
                       .kv_heads = 1,
                       .group = 2,
                       .chunk = 1500,
                       .length = 2200,
                       .format = {tensor::DType::kQ8_0, tensor::DType::kQ4_1}});
}

TEST_P(AttentionTest, PiecesAndThreadsHaveTheSameBits) {
  for (const tensor::KvFormat& format : kCacheFormats)
    for (const int64_t width : kHeadWidths)
      for (const int64_t group : kGroups)
        for (const int64_t chunk : {0, 37})
          expect_same_bits(
              {.head_width = width, .kv_heads = 1, .group = group, .chunk = chunk, .length = 140, .format = format},
              {1, 7, 31, 140});
}

TEST_P(AttentionTest, PiecesAndThreadsHaveTheSameBitsBeyondASegment) {
  for (const int64_t page : kLongPages)
    for (const int64_t chunk : kLongChunks)
      expect_same_bits({.head_width = 16, .group = 3, .page_positions = page, .chunk = chunk, .length = 2300},
                       kLongPieces);
}

// Other sequences in the step, some long and some short, change nothing; nor do pages that have been given back.
TEST_P(AttentionTest, SequencesDoNotSeeEachOther) {
  const Shape shape{.head_width = 24, .group = 2, .page_positions = 16, .chunk = 700, .length = 2500};
  Sequence sequence(shape);
  const auto expected = compute(&sequence, shape.length, 1);
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    PagedAttention attention(kernels(), &pool);
    std::vector<float> out(sequence.q.size(), -7.0f);
    const auto all = std::span<const int32_t>(sequence.pages);
    // Rows of the same sequence as if they were of several; the last has lost the pages before its chunk at 2100.
    const SequenceRows parts[] = {{0, 5, 0, all, 0},
                                  {690, 40, 690, all, 0},
                                  {1399, 1, 1399, all, 0},
                                  {2450, 50, 2450, all.subspan(2100 / 16), 2100 / 16}};
    Attend op = sequence.attend(parts[0], out);
    op.sequences = parts;
    attention.attend(op);
    const auto width = static_cast<size_t>(shape.query_width());
    for (const SequenceRows& part : parts) {
      const size_t start = static_cast<size_t>(part.first_row) * width, count = static_cast<size_t>(part.rows) * width;
      EXPECT_EQ(0, std::memcmp(&out[start], &expected[start], count * sizeof(float))) << part.first_row;
    }
    EXPECT_EQ(out[5 * width], -7.0f);
  }
}

// What lies before a chunk or after a query is multiplied by nothing, not by zero.
TEST_P(AttentionTest, UnseenValuesDoNotCount) {
  for (const tensor::KvFormat& format : kCacheFormats)
    expect_unseen_does_not_count({.head_width = 20,
                                  .kv_heads = 1,
                                  .group = 6,
                                  .page_positions = 16,
                                  .chunk = 24,
                                  .length = 48,
                                  .format = format});
}

TEST_P(AttentionTest, BothMachinesHaveTheSameBits) {
  if (!cpu_features().avx2 || !cpu_features().avx512) GTEST_SKIP() << "this processor has not both";
  for (const tensor::KvFormat& format : kCacheFormats)
    for (const int64_t width : {3, 88, 128}) {
      Sequence sequence({.head_width = width, .kv_heads = 1, .group = 5, .length = 1100, .format = format});
      ThreadPool pool(1);
      std::vector<float> out[2];
      for (const int index : {0, 1}) {
        PagedAttention attention(index == 0 ? avx2::kAttendKernels : avx512::kAttendKernels, &pool);
        out[index].resize(sequence.q.size());
        const SequenceRows rows{0, sequence.shape.length, 0, sequence.pages, 0};
        attention.append_kv(sequence.append(rows));
        attention.attend(sequence.attend(rows, out[index]));
      }
      EXPECT_EQ(0, std::memcmp(out[0].data(), out[1].data(), out[0].size() * sizeof(float))) << width;
    }
}

// Numbers around every edge of a format, in rows of every length.
TEST_P(AttentionTest, RowsAreStoredAsTheReferenceStoresThem) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float odd[] = {0.0f, -0.0f,  1e-45f,    -1e-30f,    1e-6f,        70000.0f,
                       1e7f, -3e38f, kInfinity, -kInfinity, std::nanf("")};
  std::mt19937 random(3);
  for (const tensor::DType dtype : kRowFormats)
    for (const int64_t width : {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 88, 96, 128, 130})
      for (const float size : {1e-7f, 1e-4f, 1.0f, 1e4f, 1e6f})
        for (int trial = 0; trial < 30; ++trial) {
          std::normal_distribution<float> normal(trial % 3 == 0 ? size : 0, size);
          std::vector<float> x(static_cast<size_t>(width));
          for (float& number : x) number = normal(random);
          if (trial % 2 == 1) x[random() % x.size()] = odd[random() % std::size(odd)];
          if (trial == 2)
            for (float& number : x) number = random() % 2 == 0 ? 0.0f : -0.0f;
          std::vector<std::byte> expected(tensor::kv_row_bytes(dtype, width), std::byte{0xA5}), found = expected;
          tensor::encode_kv_row(dtype, x.data(), expected.data(), width);
          kernels().encode_row(dtype, x.data(), found.data(), width);
          ASSERT_EQ(found, expected) << tensor::name(dtype) << ", " << width << " numbers of " << size << ", " << trial;
        }
}

// A key or value that is not finite, where it is seen, makes outputs that are not finite: an answer ends as an error.
TEST_P(AttentionTest, WhatIsNotFiniteIsNotForgotten) {
  for (const tensor::DType dtype : {tensor::DType::kQ8_0, tensor::DType::kQ4_1})
    for (const float broken :
         {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
      for (const bool in_keys : {true, false}) {
        Sequence sequence({.head_width = 64, .kv_heads = 1, .group = 2, .length = 90, .format = dtype});
        auto& numbers = in_keys ? sequence.k : sequence.v;
        numbers[static_cast<size_t>(40 * 64 + 5)] = broken;
        const auto out = compute(&sequence, sequence.shape.length, 1);
        for (int64_t row = 0; row < sequence.shape.length; ++row)
          for (int64_t head = 0; head < 2; ++head)
            ASSERT_EQ(std::isnan(out[static_cast<size_t>((row * 2 + head) * 64 + 7)]), row >= 40)
                << tensor::name(dtype) << " with " << broken << (in_keys ? " in keys" : " in values");
      }
}

INSTANTIATE_TEST_SUITE_P(Machines, AttentionTest, testing::Values("avx2", "avx512"),
                         [](const auto& machine) { return std::string(machine.param); });

}  // namespace
}  // namespace paddock::kernels
