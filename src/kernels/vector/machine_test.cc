// SPDX-License-Identifier: Apache-2.0
// The vector machines against the reference: not close to it, equal to it.

#include "kernels/vector/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/choose.h"
#include "kernels/host/host_memory.h"

namespace paddock::kernels {
namespace {

class VectorMachineTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto available = available_machines();
    if (std::find(available.begin(), available.end(), GetParam()) == available.end())
      GTEST_SKIP() << "this processor has no " << GetParam();
    auto machine = make_machine(GetParam(), 2);
    ASSERT_TRUE(machine) << machine.error().message;
    machine_ = std::move(*machine);
    EXPECT_EQ(machine_->name(), GetParam());
  }
  // y of both machines for the same product; true when all bits are equal.
  bool agrees(const Matrix& weights, int64_t rows, bool add) {
    const auto x = random(rows * weights.inputs);
    auto expected = random(rows * weights.outputs), found = expected;
    const auto rows_of = [&](const std::vector<float>& values, int64_t width) {
      return Rows{HostMemory::address_of(values.data()), rows, width};
    };
    const auto project = [&](Machine& machine, std::vector<float>& y) {
      machine.project({rows_of(x, weights.inputs), weights, rows_of(y, weights.outputs), add});
    };
    project(reference_, expected);
    project(*machine_, found);
    return std::memcmp(expected.data(), found.data(), found.size() * sizeof(float)) == 0;
  }
  std::vector<float> random(int64_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal(random_);
    // Values at which sums could differ: signed zeros, denormals, what overflows.
    const float special[] = {0.0f, -0.0f, 1e-41f, -3e-39f, 1e38f};
    for (const float value : special) values[random_() % values.size()] = value;
    return values;
  }
  std::mt19937 random_{7};
  ReferenceMachine reference_{1};
  std::unique_ptr<Machine> machine_;
};

TEST_P(VectorMachineTest, HasTheBitsOfTheReferenceAtEveryWidth) {
  for (const int64_t inputs : {1, 3, 8, 15, 16, 17, 31, 33, 64, 88, 129, 576})
    for (const int64_t outputs : {1, 5, 64, 65, 130})
      for (const int64_t rows : {1, 2, 3, 4, 7, 8, 9, 33}) {
        const auto weights = random(outputs * inputs);
        const Address stored = HostMemory::address_of(weights.data());
        const auto strided = static_cast<size_t>(inputs) * sizeof(float);
        const Matrix by_output{.weights = stored, .outputs = outputs, .inputs = inputs, .row_stride = strided};
        EXPECT_TRUE(agrees(by_output, rows, rows % 2 == 0)) << inputs << " x " << outputs << ", " << rows << " rows";
        const Matrix by_input{.weights = stored,
                              .order = MatrixOrder::kInputMajor,
                              .outputs = outputs,
                              .inputs = inputs,
                              .row_stride = static_cast<size_t>(outputs) * sizeof(float)};
        EXPECT_TRUE(agrees(by_input, rows, rows % 2 == 0)) << inputs << " x " << outputs << ", " << rows << " rows";
      }
}

TEST_P(VectorMachineTest, ScalesOutputs) {
  const auto weights = random(40 * 70), scales = random(40);
  Matrix matrix{.weights = HostMemory::address_of(weights.data()),
                .outputs = 40,
                .inputs = 70,
                .row_stride = 70 * sizeof(float),
                .scales = HostMemory::address_of(scales.data()),
                .scale_count = 40};
  EXPECT_TRUE(agrees(matrix, 9, true));
  matrix.scale_count = 1;
  EXPECT_TRUE(agrees(matrix, 9, false));
}

TEST_P(VectorMachineTest, SaysWhichPathRuns) {
  const std::string expected = std::string(GetParam()) == "avx2" ? "AVX2" : "AVX-512";
  EXPECT_NE(machine_->path_of(tensor::DType::kQ4_0).find(expected), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Machines, VectorMachineTest, testing::Values("avx2", "avx512"),
                         [](const auto& machine) { return std::string(machine.param); });

}  // namespace
}  // namespace paddock::kernels
