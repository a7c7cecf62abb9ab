// SPDX-License-Identifier: Apache-2.0
// Products of a weight matrix with rows of activations, for each machine, format and number of rows:
//   product_bench --benchmark_filter='amx/Q4_0/.*' [INPUTS OUTPUTS]
// Weights are many times the last cache, as in a model. bytes_per_second counts stored weights (its limit is the
// memory's bandwidth), items_per_second multiplications and additions (its limit is the arithmetic peak): paddock bench
// --machine-only.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
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

struct Shape {
  int64_t inputs = 5120, outputs = 8192;
};
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

void product(benchmark::State& state, const std::string& name, DType dtype, int64_t rows, Shape shape) {
  const auto machine = std::move(*make_machine(name, 0));
  const size_t row_bytes = tensor::row_bytes(dtype, shape.inputs);
  const int64_t matrices = std::max<int64_t>(1, static_cast<int64_t>(kWeightBytes / (row_bytes * shape.outputs)));
  const Address weights = *machine->adopt(weight_bytes());
  const Buffer memory = *machine->allocate(static_cast<size_t>(rows * (shape.inputs + shape.outputs)) * sizeof(float));
  const Rows x = {memory.address(), rows, shape.inputs};
  const Rows y = {memory.address().plus(static_cast<size_t>(rows * shape.inputs) * sizeof(float)), rows, shape.outputs};
  std::vector<float> values(static_cast<size_t>(rows * shape.inputs));
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
  machine->write(std::as_bytes(std::span(values)), x.address);
  int64_t turn = 0;
  for (auto _ : state) {
    const Matrix matrix = {.weights = weights.plus(static_cast<size_t>(turn++ % matrices) * row_bytes * shape.outputs),
                           .dtype = dtype,
                           .outputs = shape.outputs,
                           .inputs = shape.inputs,
                           .row_stride = row_bytes};
    machine->project({.x_TD = x, .weights = matrix, .y_TO = y});
  }
  state.SetLabel(machine->path_of(dtype));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(row_bytes) * shape.outputs);
  state.SetItemsProcessed(state.iterations() * 2 * rows * shape.inputs * shape.outputs);
}

void register_all(Shape shape) {
  for (const std::string& machine : available_machines())
    for (const DType dtype : kFormats)
      for (const int64_t rows : {1, 4, 8, 16, 32, 128, 512})
        benchmark::RegisterBenchmark(fmt::format("{}/{}/{}", machine, tensor::name(dtype), rows).c_str(), product,
                                     machine, dtype, rows, shape)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace paddock::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  paddock::kernels::Shape shape;
  if (argc == 3) shape = {std::atoll(argv[1]), std::atoll(argv[2])};
  if (argc != 3 && benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (shape.inputs <= 0 || shape.inputs % 32 != 0 || shape.outputs <= 0) {
    fmt::print(stderr, "INPUTS: a multiple of the formats' blocks, OUTPUTS: at least 1\n");
    return 1;
  }
  paddock::kernels::register_all(shape);
  benchmark::RunSpecifiedBenchmarks();
}
