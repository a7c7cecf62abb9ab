// SPDX-License-Identifier: Apache-2.0
// The reference operations against the equations of their contracts in double precision, at sizes around the widths of
// the partial sums and of the groups that threads take.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "kernels/choose.h"
#include "kernels/host/host_memory.h"
#include "kernels/reference/machine.h"
#include "tensor/kv_row.h"

namespace paddock::kernels {
namespace {

// Rows that own their memory.
struct OwnedRows {
  OwnedRows(int64_t rows, int64_t width, unsigned seed) : values(static_cast<size_t>(rows * width)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (float& value : values) value = normal(random);
    handle = {HostMemory::address_of(values.data()), rows, width};
  }
  double at(int64_t row, int64_t column) const { return values[static_cast<size_t>(row * handle.width + column)]; }

  std::vector<float> values;
  Rows handle;
};

Matrix matrix_of(const OwnedRows& rows) {
  Matrix matrix;
  matrix.weights = rows.handle.address;
  matrix.outputs = rows.handle.rows;
  matrix.inputs = rows.handle.width;
  matrix.row_stride = static_cast<size_t>(rows.handle.width) * sizeof(float);
  return matrix;
}

double silu(double z) { return z / (1 + std::exp(-z)); }

class ReferenceTest : public testing::TestWithParam<int> {  // threads
 protected:
  ReferenceMachine machine_{GetParam()};
};

TEST_P(ReferenceTest, ProjectInBothOrders) {
  for (const int64_t inputs : {1, 15, 16, 17, 48, 129})
    for (const int64_t outputs : {1, 63, 64, 65, 200})
      for (const int64_t tokens : {1, 5}) {
        const OwnedRows weights(outputs, inputs, 1), x(tokens, inputs, 2);
        OwnedRows transposed(inputs, outputs, 3), y(tokens, outputs, 4), z(tokens, outputs, 4);
        for (int64_t output = 0; output < outputs; ++output)
          for (int64_t input = 0; input < inputs; ++input)
            transposed.values[static_cast<size_t>(input * outputs + output)] =
                static_cast<float>(weights.at(output, input));
        Matrix input_major = matrix_of(transposed);
        std::swap(input_major.outputs, input_major.inputs);
        input_major.order = MatrixOrder::kInputMajor;
        const OwnedRows before = y;
        machine_.project({.x_TD = x.handle, .weights = matrix_of(weights), .y_TO = y.handle, .add = true});
        machine_.project({.x_TD = x.handle, .weights = input_major, .y_TO = z.handle, .add = false});
        for (int64_t token = 0; token < tokens; ++token)
          for (int64_t output = 0; output < outputs; ++output) {
            double sum = 0;
            for (int64_t input = 0; input < inputs; ++input) sum += weights.at(output, input) * x.at(token, input);
            ASSERT_NEAR(y.at(token, output), before.at(token, output) + sum, 1e-4);
            ASSERT_NEAR(z.at(token, output), sum, 1e-4);
          }
      }
}

TEST_P(ReferenceTest, ProjectWithScales) {
  const OwnedRows weights(40, 24, 1), x(3, 24, 2), scales(1, 40, 3);
  OwnedRows y(3, 40, 4), z(3, 40, 5);
  Matrix scaled = matrix_of(weights);
  scaled.scales = scales.handle.address;
  scaled.scale_count = 40;
  machine_.project({.x_TD = x.handle, .weights = scaled, .y_TO = y.handle});
  scaled.scale_count = 1;
  machine_.project({.x_TD = x.handle, .weights = scaled, .y_TO = z.handle});
  for (int64_t token = 0; token < 3; ++token)
    for (int64_t output = 0; output < 40; ++output) {
      double sum = 0;
      for (int64_t input = 0; input < 24; ++input) sum += weights.at(output, input) * x.at(token, input);
      ASSERT_NEAR(y.at(token, output), sum * scales.at(0, output), 1e-4);
      ASSERT_NEAR(z.at(token, output), sum * scales.at(0, 0), 1e-4);
    }
}

TEST_P(ReferenceTest, MlpAddsToItsOutput) {
  const OwnedRows gate(37, 20, 1), up(37, 20, 2), down(20, 37, 3), x(4, 20, 4);
  OwnedRows y(4, 20, 5), scratch_gate(4, 37, 6), scratch_up(4, 37, 7);
  const OwnedRows before = y;
  machine_.mlp({.x_TD = x.handle,
                .gate = matrix_of(gate),
                .up = matrix_of(up),
                .down = matrix_of(down),
                .gate_TF = scratch_gate.handle,
                .up_TF = scratch_up.handle,
                .y_TD = y.handle});
  for (int64_t token = 0; token < 4; ++token)
    for (int64_t output = 0; output < 20; ++output) {
      double sum = 0;
      for (int64_t hidden = 0; hidden < 37; ++hidden) {
        double gate_sum = 0, up_sum = 0;
        for (int64_t input = 0; input < 20; ++input) {
          gate_sum += gate.at(hidden, input) * x.at(token, input);
          up_sum += up.at(hidden, input) * x.at(token, input);
        }
        sum += down.at(output, hidden) * silu(gate_sum) * up_sum;
      }
      ASSERT_NEAR(y.at(token, output), before.at(token, output) + sum, 2e-3);
    }
}

TEST_P(ReferenceTest, NormsAndTemperature) {
  for (const int64_t width : {1, 16, 24, 50}) {
    const OwnedRows x(3, width * 2, 1), weight(1, width * 2, 2);
    OwnedRows y(3, width * 2, 3), heads = OwnedRows(3, width * 2, 1);
    heads.handle.address = HostMemory::address_of(heads.values.data());
    machine_.rms_norm({.x_TD = x.handle,
                       .weight_D = {weight.handle.address, tensor::DType::kF32, width * 2},
                       .epsilon = 1e-5f,
                       .y_TD = y.handle});
    machine_.head_norm({.x_TNH = heads.handle, .head_width = width, .epsilon = 1e-5f});
    for (int64_t token = 0; token < 3; ++token) {
      double all = 0;
      for (int64_t column = 0; column < 2 * width; ++column) all += x.at(token, column) * x.at(token, column);
      for (int64_t column = 0; column < 2 * width; ++column) {
        double head = 0;
        const int64_t start = column / width * width;
        for (int64_t other = start; other < start + width; ++other) head += x.at(token, other) * x.at(token, other);
        const double value = x.at(token, column);
        ASSERT_NEAR(y.at(token, column),
                    value / std::sqrt(all / static_cast<double>(2 * width) + 1e-5) * weight.at(0, column), 1e-5);
        ASSERT_NEAR(heads.at(token, column), value / std::sqrt(head / static_cast<double>(width) + 1e-5), 1e-5);
      }
    }
  }
}

// Temperatures of the published model at chosen positions.
TEST_P(ReferenceTest, TemperatureStepsOnePositionBeforeTheEdge) {
  const std::pair<int64_t, double> expected[] = {{0, 1},
                                                 {8190, 1},
                                                 {8191, 1.0693147180559945},
                                                 {16382, 1.0693147180559945},
                                                 {16383, 1.109861228866811},
                                                 {131071, 1.2833213344056216},
                                                 {10485759, 1.7155396301896734}};
  for (const auto& [position, factor] : expected) {
    OwnedRows q(1, 4, 1);
    const OwnedRows before(1, 4, 1);
    machine_.scale_queries({.q_TNH = q.handle, .positions = {&position, 1}, .floor_scale = 8192, .scale = 0.1});
    for (int64_t column = 0; column < 4; ++column)
      ASSERT_NEAR(q.at(0, column), before.at(0, column) * factor, 1e-6) << position;
  }
}

TEST_P(ReferenceTest, RotateBothPairings) {
  const std::vector<float> frequencies = {1.0f, 0.3f, 0.01f};
  const std::vector<int64_t> positions = {0, 5, 1000};
  for (const RopePairs pairs : {RopePairs::kInterleaved, RopePairs::kHalves}) {
    OwnedRows x(3, 12, 1);
    const OwnedRows before(3, 12, 1);
    machine_.rotate(
        {.x_TNH = x.handle, .head_width = 6, .positions = positions, .frequencies = frequencies, .pairs = pairs});
    for (int64_t token = 0; token < 3; ++token)
      for (int64_t head = 0; head < 2; ++head)
        for (int64_t pair = 0; pair < 3; ++pair) {
          const int64_t first = head * 6 + (pairs == RopePairs::kHalves ? pair : 2 * pair);
          const int64_t second = pairs == RopePairs::kHalves ? first + 3 : first + 1;
          const double angle =
              static_cast<double>(positions[static_cast<size_t>(token)]) * frequencies[static_cast<size_t>(pair)];
          ASSERT_NEAR(x.at(token, first),
                      before.at(token, first) * std::cos(angle) - before.at(token, second) * std::sin(angle), 2e-4);
          ASSERT_NEAR(x.at(token, second),
                      before.at(token, first) * std::sin(angle) + before.at(token, second) * std::cos(angle), 2e-4);
        }
  }
}

// Attention over pages that lie in any order, against the definition.
TEST_P(ReferenceTest, AttendOverPages) {
  constexpr int64_t kHeads = 4, kKvHeads = 2, kWidth = 10, kPage = 4, kLength = 23;
  const std::vector<int32_t> pages = {5, 0, 3, 1, 6, 2};
  for (const int64_t chunk : {0, 1, 6, 8})
    for (const tensor::KvFormat& format : {tensor::KvFormat(tensor::DType::kF32),
                                           {tensor::DType::kF16},
                                           {tensor::DType::kBF16},
                                           {tensor::DType::kQ8_0},
                                           {tensor::DType::kQ4_1},
                                           {tensor::DType::kQ8_0, tensor::DType::kQ4_1}}) {
      const OwnedRows q(kLength, kHeads * kWidth, 1), k(kLength, kKvHeads * kWidth, 2),
          v(kLength, kKvHeads * kWidth, 3);
      OwnedRows out(kLength, kHeads * kWidth, 4);
      std::vector<float> memory(7 * 2 * kKvHeads * kPage * kWidth);
      const size_t bytes = kKvHeads * kPage * format.position_bytes(kWidth);
      const KvPages cache{.base = HostMemory::address_of(memory.data()),
                          .format = format,
                          .page_bytes = bytes,
                          .offset = 0,
                          .page_positions = kPage,
                          .kv_heads = kKvHeads,
                          .head_width = kWidth};
      const SequenceRows rows{.first_row = 0, .rows = kLength, .first_position = 0, .pages = pages, .first_page = 0};
      machine_.append_kv({.k_TGH = k.handle, .v_TGH = v.handle, .cache = cache, .sequences = {&rows, 1}});
      machine_.attend({.q_TNH = q.handle,
                       .cache = cache,
                       .sequences = {&rows, 1},
                       .query_heads = kHeads,
                       .chunk = chunk,
                       .scale = 0.3f,
                       .out_TNH = out.handle});
      // What the cache holds of a head's row.
      const auto stored = [&](tensor::DType dtype, const OwnedRows& all, int64_t position, int64_t kv_head) {
        std::vector<std::byte> row(tensor::kv_row_bytes(dtype, kWidth));
        std::vector<float> found(kWidth);
        tensor::encode_kv_row(dtype, &all.values[static_cast<size_t>((position * kKvHeads + kv_head) * kWidth)],
                              row.data(), kWidth);
        tensor::decode_kv_row(dtype, row.data(), found.data(), kWidth);
        return found;
      };
      for (int64_t position = 0; position < kLength; ++position)
        for (int64_t head = 0; head < kHeads; ++head) {
          const int64_t kv = head / 2;
          std::vector<double> weights, sums(kWidth, 0.0);
          double total = 0;
          for (int64_t key = 0; key <= position; ++key) {
            if (chunk > 0 && key / chunk != position / chunk) continue;
            const std::vector<float> stored_k = stored(format.keys, k, key, kv),
                                     stored_v = stored(format.values, v, key, kv);
            double score = 0;
            for (int64_t index = 0; index < kWidth; ++index)
              score += q.at(position, head * kWidth + index) * stored_k[static_cast<size_t>(index)];
            const double weight = std::exp(score * 0.3);
            total += weight;
            for (int64_t index = 0; index < kWidth; ++index)
              sums[static_cast<size_t>(index)] += weight * stored_v[static_cast<size_t>(index)];
          }
          for (int64_t index = 0; index < kWidth; ++index)
            ASSERT_NEAR(out.at(position, head * kWidth + index), sums[static_cast<size_t>(index)] / total, 1e-5);
        }
    }
}

TEST_P(ReferenceTest, RouteChoosesTheBestAndBreaksTiesLow) {
  OwnedRows router(5, 1, 1), x(2, 1, 1), scores(2, 5, 1);
  router.values = {1, 3, NAN, 3, 2};
  x.values = {1, -1};
  std::vector<int32_t> experts(4);
  std::vector<float> gates(4);
  const Routing routing{HostMemory::address_of(experts.data()), HostMemory::address_of(gates.data()), 2, 2};
  machine_.route({.x_TD = x.handle, .router_ED = matrix_of(router), .routing = routing, .scores_TE = scores.handle});
  EXPECT_EQ(experts, (std::vector<int32_t>{1, 3, 0, 4}));
  EXPECT_FLOAT_EQ(gates[0], 1 / (1 + std::exp(-3.0f)));
  EXPECT_FLOAT_EQ(gates[3], 1 / (1 + std::exp(2.0f)));
}

// The same bits from any number of threads and any company in the step.
TEST_P(ReferenceTest, ARowDoesNotDependOnItsCompany) {
  const OwnedRows weights(70, 33, 1), many(9, 33, 2);
  OwnedRows together(9, 70, 3), alone(1, 70, 4);
  machine_.project({.x_TD = many.handle, .weights = matrix_of(weights), .y_TO = together.handle});
  ReferenceMachine single(1);
  for (int64_t row = 0; row < 9; ++row) {
    const Rows one{many.handle.address.plus(static_cast<size_t>(row) * 33 * sizeof(float)), 1, 33};
    single.project({.x_TD = one, .weights = matrix_of(weights), .y_TO = alone.handle});
    EXPECT_EQ(0, std::memcmp(alone.values.data(), &together.values[static_cast<size_t>(row * 70)], 70 * sizeof(float)));
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ReferenceTest, testing::Values(1, 2, 3));

TEST(ChooseMachine, ForcesByNameAndRefusesTheUnknown) {
  for (const std::string& name : available_machines()) EXPECT_EQ((*make_machine(name, 1))->name(), name);
  EXPECT_EQ((*make_machine("", 1))->name(), available_machines().back());
  EXPECT_EQ((*make_machine("auto", 1))->name(), available_machines().back());
  const auto unknown = make_machine("doesnotexist", 1);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, fmt::format("machine: expected auto or one of {}, found \"doesnotexist\"",
                                                 fmt::join(available_machines(), ", ")));
  EXPECT_FALSE(make_machine("", -1));
}

}  // namespace
}  // namespace paddock::kernels
