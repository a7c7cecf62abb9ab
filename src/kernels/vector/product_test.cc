// SPDX-License-Identifier: Apache-2.0
// Products of every format on every machine: within the bound that rounding the activations gives, the same bits for a
// row whatever else is multiplied with it, and no byte read beyond the matrix.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "kernels/choose.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "tensor/decode.h"
#include "tensor/floats.h"

namespace paddock::kernels {
namespace {

using tensor::DType;

constexpr DType kFormats[] = {
    DType::kBF16,    DType::kF8E4M3, DType::kQ4_0,  DType::kQ4_1,    DType::kQ5_0,  DType::kQ5_1,   DType::kQ8_0,
    DType::kQ2_K,    DType::kQ3_K,   DType::kQ4_K,  DType::kQ5_K,    DType::kQ6_K,  DType::kIQ1_S,  DType::kIQ1_M,
    DType::kIQ2_XXS, DType::kIQ2_XS, DType::kIQ2_S, DType::kIQ3_XXS, DType::kIQ3_S, DType::kIQ4_NL, DType::kIQ4_XS,
    DType::kTQ1_0,   DType::kTQ2_0,  DType::kMXFP4, DType::kF16,     DType::kF32};

// A copy of bytes that ends where memory ends, so that reading beyond it kills the test.
class GuardedBytes {
 public:
  explicit GuardedBytes(const std::vector<std::byte>& bytes) {
    constexpr size_t kPage = 4096;
    size_ = (bytes.size() + kPage - 1) / kPage * kPage + kPage;
    base_ = static_cast<std::byte*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + size_ - kPage, kPage, PROT_NONE);
    start_ = base_ + size_ - kPage - bytes.size();
    std::memcpy(start_, bytes.data(), bytes.size());
  }
  ~GuardedBytes() { munmap(base_, size_); }
  const std::byte* data() const { return start_; }

 private:
  std::byte* base_;
  std::byte* start_;
  size_t size_;
};

class ProductTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto available = available_machines();
    if (std::find(available.begin(), available.end(), GetParam()) == available.end())
      GTEST_SKIP() << "this processor has no " << GetParam();
    machine_ = std::move(*make_machine(GetParam(), 2));
  }

  // Blocks whose bytes are random; where that gives numbers that are none, or enormous, other bytes.
  std::vector<std::byte> random_weights(DType dtype, int64_t outputs, int64_t inputs) {
    const auto& info = tensor::info(dtype);
    std::vector<std::byte> bytes(tensor::row_bytes(dtype, outputs * inputs));
    std::vector<float> values(static_cast<size_t>(info.values));
    for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(info.bytes)) {
      bool ordinary = false;
      while (!ordinary) {
        for (int byte = 0; byte < info.bytes; ++byte)
          bytes[at + static_cast<size_t>(byte)] = static_cast<std::byte>(random_());
        tensor::decode_row(dtype, &bytes[at], values.data(), info.values);
        ordinary = std::all_of(values.begin(), values.end(), [](float x) {
          return std::isfinite(x) && std::abs(x) < 1e4f && (x == 0 || std::abs(x) > 1e-30f);
        });
      }
    }
    return bytes;
  }
  std::vector<float> random_rows(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(random_);
    return values;
  }
  static Rows rows_of(const std::vector<float>& values, int64_t width) {
    return {HostMemory::address_of(values.data()), static_cast<int64_t>(values.size()) / width, width};
  }
  static Matrix matrix_of(DType dtype, const std::byte* bytes, int64_t outputs, int64_t inputs) {
    return {.weights = HostMemory::address_of(bytes),
            .dtype = dtype,
            .outputs = outputs,
            .inputs = inputs,
            .row_stride = tensor::row_bytes(dtype, inputs)};
  }
  std::vector<float> product(const Matrix& weights, const std::vector<float>& x, int64_t first, int64_t rows) {
    std::vector<float> part(x.begin() + first * weights.inputs, x.begin() + (first + rows) * weights.inputs);
    std::vector<float> y(static_cast<size_t>(rows * weights.outputs));
    machine_->project({rows_of(part, weights.inputs), weights, rows_of(y, weights.outputs), false});
    return y;
  }

  // The most that a sum may be wrong: each activation by its share of the row's largest or of itself, each weight
  // alike, and a float32 rounding for each product and each sum.
  double bound_of(DType dtype, const float* weights, const float* x, int64_t count) const {
    const std::string path = machine_->path_of(dtype);
    const bool rounded = path.find("float32") == std::string::npos;
    const bool in_three_terms = !tensor::is_block_format(dtype);
    const int64_t shared = path.find("blocks of 256") == std::string::npos ? 32 : 256;  // activations of one scale
    double bound = 0;
    for (int64_t start = 0; start < count; start += shared) {
      const int64_t end = std::min(start + shared, count);
      double largest = 0;
      for (int64_t i = start; i < end; ++i) largest = std::max<double>(largest, std::abs(x[i]));
      for (int64_t i = start; i < end; ++i) {
        const double w = std::abs(weights[i]), product = w * std::abs(x[i]);
        bound += product * std::numeric_limits<float>::epsilon() * static_cast<double>(count + 8) / 4;
        if (!rounded) continue;
        if (path.find("12 bits") != std::string::npos)
          bound += w * largest / (2 * 127 * 16);
        else if (path.find("bf16") != std::string::npos)
          bound += product * (in_three_terms ? 0x1p-23 : 0x1.02p-8);
        else if (path.find("int16") != std::string::npos)
          bound += w * largest / 65534;
        else
          bound += w * largest / 254;
      }
    }
    return bound;
  }

  std::mt19937 random_{7};
  std::unique_ptr<Machine> machine_;
};

// Instrumented code is many times slower and looks for other faults: a few shapes will do.
#ifdef PADDOCK_SANITIZED
constexpr int64_t kManyOutputs = 35, kManyRows = 70;
const std::vector<int64_t> kOutputCounts = {49}, kRowCounts = {1, 5, 17};
#else
constexpr int64_t kManyOutputs = 290, kManyRows = 530;
const std::vector<int64_t> kOutputCounts = {1, 49}, kRowCounts = {1, 3, 5, 17, 35};
#endif

std::vector<int64_t> widths_of(DType dtype) {
  const int64_t block = tensor::info(dtype).values;
  if (block == 1) return {1, 33, 257};
  return {block, 3 * block};
}

TEST_P(ProductTest, StaysWithinTheBoundOfItsRounding) {
  for (const DType dtype : kFormats)
    for (const int64_t inputs : widths_of(dtype))
      for (const int64_t outputs : kOutputCounts) {
        const GuardedBytes bytes(random_weights(dtype, outputs, inputs));
        std::vector<float> weights(static_cast<size_t>(outputs * inputs));
        tensor::decode_row(dtype, bytes.data(), weights.data(), outputs * inputs);
        for (const int64_t rows : kRowCounts) {
          const auto x = random_rows(rows * inputs);
          const auto y = product(matrix_of(dtype, bytes.data(), outputs, inputs), x, 0, rows);
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t output = 0; output < outputs; ++output) {
              const float* w = &weights[static_cast<size_t>(output * inputs)];
              double expected = 0;
              for (int64_t i = 0; i < inputs; ++i) expected += double{w[i]} * x[static_cast<size_t>(row * inputs + i)];
              ASSERT_NEAR(y[static_cast<size_t>(row * outputs + output)], expected,
                          bound_of(dtype, w, &x[static_cast<size_t>(row * inputs)], inputs) + 1e-30)
                  << tensor::name(dtype) << " " << outputs << " x " << inputs << ", row " << row << " of " << rows
                  << ", output " << output << ", " << machine_->path_of(dtype);
            }
        }
      }
}

TEST_P(ProductTest, ARowHasTheSameBitsAloneAndInACrowd) {
  for (const DType dtype : kFormats) {
    const int64_t inputs = 512, outputs = kManyOutputs, rows = kManyRows;
    const auto bytes = random_weights(dtype, outputs, inputs);
    const Matrix weights = matrix_of(dtype, bytes.data(), outputs, inputs);
    const auto x = random_rows(rows * inputs);
    const auto all = product(weights, x, 0, rows);
    int64_t first = 0;
    for (const int64_t count : {1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64, 1, 200, 1}) {
      if (first + count > rows) break;
      const auto part = product(weights, x, first, count);
      ASSERT_EQ(std::memcmp(part.data(), &all[static_cast<size_t>(first * outputs)], part.size() * sizeof(float)), 0)
          << tensor::name(dtype) << ", rows " << first << " to " << first + count << ", " << machine_->path_of(dtype);
      first += count;
    }
    machine_ = std::move(*make_machine(GetParam(), 1));
    ASSERT_EQ(product(weights, x, 0, rows), all) << tensor::name(dtype) << " on one thread";
    machine_ = std::move(*make_machine(GetParam(), 2));
  }
}

// Rows of a size that would put all streams of weights into one set of the cache: kernels walk through them in turns.
TEST_P(ProductTest, RowsOfAWholePageAreWalkedInTurns) {
  const int64_t inputs = 8192, outputs = 97, rows = 20;
  const auto bytes = random_weights(DType::kQ4_1, outputs, inputs);
  const Matrix weights = matrix_of(DType::kQ4_1, bytes.data(), outputs, inputs);
  ASSERT_EQ(weights.row_stride % 1024, 0);
  const auto x = random_rows(rows * inputs);
  const auto all = product(weights, x, 0, rows);
  for (const int64_t count : {1, 2, 8}) {
    const auto part = product(weights, x, 3, count);
    ASSERT_EQ(std::memcmp(part.data(), &all[static_cast<size_t>(3 * outputs)], part.size() * sizeof(float)), 0)
        << count << " rows, " << machine_->path_of(DType::kQ4_1);
  }
}

// The head has kernels of its own where few rows deserve them.
TEST_P(ProductTest, LogitsAreNearTheReferencesAndAlikeInEveryCompany) {
  ReferenceMachine reference(1);
  const int64_t inputs = 512, outputs = 70, rows = 8;
  const std::vector<float> ones(static_cast<size_t>(inputs), 1.0f);
  const NormWeight norm = {HostMemory::address_of(ones.data()), DType::kF32, inputs};
  for (const DType dtype : kFormats) {
    const auto bytes = random_weights(dtype, outputs, inputs);
    std::vector<float> weights(static_cast<size_t>(outputs * inputs));
    tensor::decode_row(dtype, bytes.data(), weights.data(), outputs * inputs);
    const Matrix head = matrix_of(dtype, bytes.data(), outputs, inputs);
    const auto x = random_rows(rows * inputs);
    const auto logits = [&](Machine& machine, const std::vector<int32_t>& wanted) {
      std::vector<float> normed(wanted.size() * static_cast<size_t>(inputs)),
          found(wanted.size() * static_cast<size_t>(outputs));
      machine.logits({.x_TD = rows_of(x, inputs),
                      .rows = wanted,
                      .norm_D = norm,
                      .epsilon = 1e-6f,
                      .head_VD = head,
                      .normed_RD = rows_of(normed, inputs),
                      .logits_RV = rows_of(found, outputs)});
      return found;
    };
    std::vector<int32_t> all(static_cast<size_t>(rows));
    std::iota(all.begin(), all.end(), 0);
    const auto expected = logits(reference, all), found = logits(*machine_, all);
    for (int32_t row = 0; row < rows; ++row) {
      const std::span<const float> together(&found[static_cast<size_t>(row * outputs)], static_cast<size_t>(outputs));
      ASSERT_TRUE(std::ranges::equal(logits(*machine_, {row}), together)) << tensor::name(dtype) << " row " << row;
      for (int64_t output = 0; output < outputs; ++output) {
        double size = 0;  // a norm of 1 and an activation wrong by a hundredth at most
        for (int64_t i = 0; i < inputs; ++i) size += std::abs(weights[static_cast<size_t>(output * inputs + i)]);
        const auto at = static_cast<size_t>(row * outputs + output);
        ASSERT_NEAR(found[at], expected[at], 0.01 * size)
            << tensor::name(dtype) << " row " << row << ", output " << output;
      }
    }
  }
}

TEST_P(ProductTest, ScalesAndAdds) {
  for (const DType dtype : {DType::kQ8_0, DType::kF8E4M3, DType::kBF16, DType::kF32}) {
    const int64_t inputs = 64, outputs = 50;
    const auto bytes = random_weights(dtype, outputs, inputs);
    for (const int64_t rows : {1, 20, 40}) {
      const auto x = random_rows(rows * inputs), scales = random_rows(outputs), before = random_rows(rows * outputs);
      Matrix weights = matrix_of(dtype, bytes.data(), outputs, inputs);
      const auto plain = product(weights, x, 0, rows);
      weights.scales = HostMemory::address_of(scales.data());
      weights.scale_count = outputs;
      auto y = before;
      machine_->project({rows_of(x, inputs), weights, rows_of(y, outputs), true});
      for (size_t at = 0; at < y.size(); ++at)
        ASSERT_EQ(y[at], before[at] + scales[at % static_cast<size_t>(outputs)] * plain[at]) << tensor::name(dtype);
    }
  }
}

// An activation that is not a number, or infinite, must not become a finite answer.
TEST_P(ProductTest, PassesOnWhatIsNotANumber) {
  for (const DType dtype : {DType::kQ4_0, DType::kQ8_0, DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ6_K,
                            DType::kIQ2_S, DType::kIQ3_XXS, DType::kIQ4_XS, DType::kBF16, DType::kF32})
    for (const float broken : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                               std::numeric_limits<float>::quiet_NaN()}) {
      const int64_t inputs = 512, outputs = 20, rows = 3;
      const auto bytes = random_weights(dtype, outputs, inputs);
      auto x = random_rows(rows * inputs);
      x[static_cast<size_t>(inputs + 77)] = broken;
      const auto y = product(matrix_of(dtype, bytes.data(), outputs, inputs), x, 0, rows);
      const auto finite =
          std::count_if(y.begin() + outputs, y.begin() + 2 * outputs, [](float v) { return std::isfinite(v); });
      // A weight of zero meets an infinity in at most a few outputs, and gives no number either.
      EXPECT_EQ(finite, 0) << tensor::name(dtype) << " with " << broken;
      EXPECT_TRUE(std::isfinite(y[0]) && std::isfinite(y[static_cast<size_t>(2 * outputs)]))
          << "other rows are untouched";
    }
}

// The bound above is that of the path that is named; here is which path that is.
TEST_P(ProductTest, FormatsWithIntegerScalesHaveProductsOfTheirOwnOnTiles) {
  for (const DType dtype : {DType::kQ2_K, DType::kQ3_K, DType::kIQ2_XXS, DType::kIQ2_XS, DType::kIQ2_S, DType::kIQ3_XXS,
                            DType::kIQ3_S, DType::kIQ4_XS}) {
    const std::string path = machine_->path_of(dtype);
    EXPECT_EQ(path == "AMX int8, activations of 12 bits in blocks of 256", GetParam() == "amx")
        << tensor::name(dtype) << ": " << path;
  }
}

TEST_P(ProductTest, ExactMachinesKeepActivationsInFloat32) {
  const auto exact = std::move(*make_machine(GetParam(), 2, true));
  for (const DType dtype : kFormats) {
    EXPECT_EQ(exact->arithmetic_of(dtype), Arithmetic::kFloat32);
    EXPECT_NE(exact->path_of(dtype).find("float32"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, ProductTest, testing::Values("avx2", "avxvnni", "avx512", "amx"),
                         [](const auto& machine) { return machine.param; });

}  // namespace
}  // namespace paddock::kernels
