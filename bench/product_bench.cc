// SPDX-License-Identifier: Apache-2.0
// Products of a weight matrix with rows of activations, for each machine, format and number of rows:
//   product_bench --benchmark_filter='amx/Q4_0/.*'
// Weights are many times the last cache, as in a model. bytes_per_second counts stored weights (its limit is the
// memory's bandwidth), items_per_second multiplications and additions (its limit is the arithmetic peak): paddock bench
// --machine-only.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kernels/choose.h"
#include "kernels/contracts/machine.h"
#include "tensor/dtype.h"

namespace paddock::kernels {
namespace {

using tensor::DType;

constexpr int64_t kInputs = 5120;
constexpr int64_t kOutputs = 8192;
constexpr size_t kWeightBytes = size_t{512} << 20;

constexpr DType kFormats[] = {
    DType::kF32,    DType::kF16,    DType::kBF16,    DType::kF8E4M3, DType::kQ4_0,  DType::kQ4_1,    DType::kQ5_0,
    DType::kQ5_1,   DType::kQ8_0,   DType::kQ2_K,    DType::kQ3_K,   DType::kQ4_K,  DType::kQ5_K,    DType::kQ6_K,
    DType::kIQ1_S,  DType::kIQ1_M,  DType::kIQ2_XXS, DType::kIQ2_XS, DType::kIQ2_S, DType::kIQ3_XXS, DType::kIQ3_S,
    DType::kIQ4_NL, DType::kIQ4_XS, DType::kTQ1_0,   DType::kTQ2_0,  DType::kMXFP4};

// Random bytes are weights of every format; what they decode to does not matter to a product's speed, except that
// numbers so small that they are denormal, or none, would: bytes keep to values whose halves and floats are ordinary.
std::vector<std::byte>& weight_bytes() {
  static std::vector<std::byte> bytes = [] {
    std::vector<std::byte> filled(kWeightBytes);
    std::mt19937_64 random(7);
    for (size_t at = 0; at < filled.size(); at += 8) {
      const uint64_t word = (random() & 0xbfbfbfbfbfbfbfbfu) | 0x2020202020202020u;
      std::memcpy(&filled[at], &word, 8);
    }
    return filled;
  }();
  return bytes;
}

void product(benchmark::State& state, const std::string& name, DType dtype, int64_t rows) {
  const auto machine = std::move(*make_machine(name, 0));
  const size_t row_bytes = tensor::row_bytes(dtype, kInputs);
  const int64_t matrices = std::max<int64_t>(1, static_cast<int64_t>(kWeightBytes / (row_bytes * kOutputs)));
  const Address weights = *machine->adopt(weight_bytes());
  const Buffer memory = *machine->allocate(static_cast<size_t>(rows * (kInputs + kOutputs)) * sizeof(float));
  const Rows x = {memory.address(), rows, kInputs};
  const Rows y = {memory.address().plus(static_cast<size_t>(rows * kInputs) * sizeof(float)), rows, kOutputs};
  std::vector<float> values(static_cast<size_t>(rows * kInputs));
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
  machine->write(std::as_bytes(std::span(values)), x.address);
  int64_t turn = 0;
  for (auto _ : state) {
    const Matrix matrix = {.weights = weights.plus(static_cast<size_t>(turn++ % matrices) * row_bytes * kOutputs),
                           .dtype = dtype,
                           .outputs = kOutputs,
                           .inputs = kInputs,
                           .row_stride = row_bytes};
    machine->project({.x_TD = x, .weights = matrix, .y_TO = y});
  }
  state.SetLabel(machine->path_of(dtype));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(row_bytes) * kOutputs);
  state.SetItemsProcessed(state.iterations() * 2 * rows * kInputs * kOutputs);
}

void register_all() {
  for (const std::string& machine : available_machines())
    for (const DType dtype : kFormats)
      for (const int64_t rows : {1, 4, 8, 32, 128, 512})
        benchmark::RegisterBenchmark(fmt::format("{}/{}/{}", machine, tensor::name(dtype), rows).c_str(), product,
                                     machine, dtype, rows)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace paddock::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  paddock::kernels::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
