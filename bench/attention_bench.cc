// SPDX-License-Identifier: Apache-2.0
// Attention of the rows of one step over a cache of some depth, for each machine and cache format:
//   attention_bench --benchmark_filter='avx512/.*/1'
// Layers are many times the last cache together, as in a model. CPU time is that of one thread.
// bytes_per_second counts stored keys and values.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/choose.h"
#include "kernels/contracts/machine.h"

namespace paddock::kernels {
namespace {

using tensor::DType;
using tensor::KvFormat;

constexpr int64_t kDepth = 4096, kPage = 64, kLayers = 30;

struct Heads {
  int64_t width, kv_heads, group;
};
constexpr Heads kHeads[] = {{64, 3, 3}, {128, 8, 5}};  // SmolLM2, Scout

const KvFormat kFormats[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, {DType::kQ8_0, DType::kQ4_1},
                             DType::kQ4_1};

struct Memory {
  Memory(Machine* machine, int64_t rows, int64_t width)
      : buffer(*machine->allocate(static_cast<size_t>(rows * width) * sizeof(float))),
        rows{buffer.address(), rows, width} {
    std::vector<float> values(static_cast<size_t>(rows * width));
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    for (float& value : values) value = normal(random);
    machine->write(std::as_bytes(std::span(values)), buffer.address());
  }
  Buffer buffer;
  Rows rows;
};

void attend(benchmark::State& state, const std::string& name, const KvFormat& format, const Heads& heads,
            int64_t rows) {
  const auto machine = std::move(*make_machine(name, 1));
  const size_t layer_bytes = static_cast<size_t>(heads.kv_heads * kDepth) * format.position_bytes(heads.width);
  const Buffer stored = *machine->allocate(kLayers * layer_bytes);
  const Memory keys(machine.get(), kDepth, heads.kv_heads * heads.width);
  const Memory q(machine.get(), rows, heads.kv_heads * heads.group * heads.width);
  const Memory out(machine.get(), rows, q.rows.width);
  std::vector<int32_t> pages(kDepth / kPage);
  std::iota(pages.begin(), pages.end(), 0);
  const auto layer = [&](int64_t index) {
    return KvPages{.base = stored.address().plus(static_cast<size_t>(index) * layer_bytes),
                   .format = format,
                   .page_bytes = layer_bytes / pages.size(),
                   .page_positions = kPage,
                   .kv_heads = heads.kv_heads,
                   .head_width = heads.width};
  };
  const SequenceRows all{0, kDepth, 0, pages, 0}, last{0, rows, kDepth - rows, pages, 0};
  for (int64_t index = 0; index < kLayers; ++index) machine->append_kv({keys.rows, keys.rows, layer(index), {&all, 1}});
  int64_t turn = 0;
  for (auto _ : state)
    machine->attend({.q_TNH = q.rows,
                     .cache = layer(turn++ % kLayers),
                     .sequences = {&last, 1},
                     .query_heads = heads.kv_heads * heads.group,
                     .scale = 0.1f,
                     .out_TNH = out.rows});
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(layer_bytes));
}

void register_all() {
  for (const std::string& machine : available_machines())
    for (const Heads& heads : kHeads)
      for (const KvFormat& format : kFormats)
        for (const int64_t rows : {1, 64})
          benchmark::RegisterBenchmark(
              fmt::format("{}/{}x{}x{}/{}/{}", machine, heads.kv_heads, heads.group, heads.width, format.name(), rows)
                  .c_str(),
              attend, machine, format, heads, rows)
              ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace paddock::kernels

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  paddock::kernels::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
