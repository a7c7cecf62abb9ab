// SPDX-License-Identifier: Apache-2.0
#include "kernels/limits/limits.h"

#include <emmintrin.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <thread>

#include "base/clock.h"
#include "kernels/cpu/features.h"
#include "kernels/host/host_memory.h"
#include "kernels/limits/peak.h"

namespace paddock::kernels {
namespace {

constexpr int kRounds = 7;
constexpr double kRoundSeconds = 0.03;
constexpr size_t kReadBytes = size_t{512} << 20;  // beyond every last-level cache that a few threads can use

// Work of one thread of a round: does some and says how much it was.
using Portion = std::function<int64_t()>;

// Units a second of all threads together. They start at once, and each counts until the time is over.
double round_rate(std::span<const Portion> portions) {
  std::atomic<size_t> ready{0};
  std::vector<double> rates(portions.size());
  const auto work = [&](size_t index) {
    portions[index]();  // wakes the units and the caches
    ready.fetch_add(1);
    while (ready.load() < portions.size()) std::this_thread::yield();
    const Stopwatch watch;
    int64_t units = 0;
    double seconds;
    do {
      units += portions[index]();
      seconds = watch.seconds();
    } while (seconds < kRoundSeconds);
    rates[index] = static_cast<double>(units) / seconds;
  };
  std::vector<std::thread> others;
  for (size_t index = 1; index < portions.size(); ++index) others.emplace_back(work, index);
  work(0);
  for (std::thread& other : others) other.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

double best_rate(std::span<const Portion> portions) {
  double best = 0;
  for (int round = 0; round < kRounds; ++round) best = std::max(best, round_rate(portions));
  return best;
}

// Reads `bytes`, a multiple of 256, in order.
void read_all(const std::byte* from, size_t bytes) {
  __m128i sums[4] = {};
  for (size_t offset = 0; offset < bytes; offset += 256) {
    for (size_t line = 0; line < 256; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(from + offset + line + 2048), _MM_HINT_T0);
      const auto* part = reinterpret_cast<const __m128i*>(from + offset + line);
      for (int index = 0; index < 4; ++index) sums[index] = _mm_xor_si128(sums[index], _mm_load_si128(part + index));
    }
  }
  for (__m128i& sum : sums) __asm__ volatile("" : : "x"(sum));
}

// Each thread goes round and round in its own part of the memory, so that nothing is in a cache when it comes by.
double read_rate(const std::byte* memory, int threads) {
  constexpr size_t kPortion = size_t{2} << 20;
  const size_t part = kReadBytes / static_cast<size_t>(threads) / kPortion * kPortion;
  std::vector<Portion> portions;
  for (int thread = 0; thread < threads; ++thread)
    portions.push_back([from = memory + static_cast<size_t>(thread) * part, part, offset = size_t{0}]() mutable {
      read_all(from + offset, kPortion);
      offset = (offset + kPortion) % part;
      return static_cast<int64_t>(kPortion);
    });
  return best_rate(portions);
}

ArithmeticPeak peak(const char* by, int64_t (*run)(int64_t rounds), int threads) {
  constexpr int64_t kRoundsOfPortion = 20000;
  const std::vector<Portion> portions(static_cast<size_t>(threads), [run] { return run(kRoundsOfPortion); });
  return {best_rate(portions) / 1e9, by};
}

int64_t peak_f32_baseline(int64_t rounds) {
  __m128 sums[8];
  for (__m128& sum : sums) sum = _mm_setzero_ps();
  __m128 x = _mm_set1_ps(1.0f), w = _mm_set1_ps(0.5f);
  for (int64_t round = 0; round < rounds; ++round)
    for (__m128& sum : sums) {
      __asm__ volatile("" : "+x"(x), "+x"(w));
      sum = _mm_add_ps(sum, _mm_mul_ps(x, w));
    }
  for (__m128& sum : sums) __asm__ volatile("" : : "x"(sum));
  return rounds * 8 * 4 * 2;
}

}  // namespace

double MachineLimits::best_read_gb_s() const { return *std::max_element(read_gb_s.begin(), read_gb_s.end()); }

std::optional<double> MachineLimits::best(const std::vector<ArithmeticPeak>& peaks) {
  std::optional<double> best;
  for (const ArithmeticPeak& peak : peaks) best = std::max(best.value_or(0), peak.gop_s);
  return best;
}

Result<MachineLimits> measure_limits(int threads) {
  if (threads < 1 || threads > 256)
    return error(ErrorCode::kInvalidArgument, "threads to measure: expected 1 to 256, found {}", threads);
  MachineLimits limits;
  limits.threads = threads;
  {
    constexpr size_t kSlack = 4096;  // prefetches look ahead
    const Buffer memory = TRY(HostMemory::allocate(kReadBytes + kSlack));
    std::byte* bytes = HostMemory::bytes(memory.address());
    std::memset(bytes, 1, kReadBytes + kSlack);  // untouched pages would all be the same one
    for (int count = 1; count <= threads; ++count) limits.read_gb_s.push_back(read_rate(bytes, count) / 1e9);
  }
  const CpuFeatures& cpu = cpu_features();
  limits.f32 = peak("SSE2", peak_f32_baseline, threads);
  if (cpu.avx2) {
    limits.f32 = peak("AVX2 FMA", avx2::peak_f32, threads);
    limits.int8.push_back(peak("AVX2", avx2::peak_int8, threads));
  }
  if (cpu.avx512) {
    limits.f32 = peak("AVX-512 FMA", avx512::peak_f32, threads);
    limits.int8.push_back(peak("AVX-512 VNNI", avx512::peak_int8, threads));
  }
  if (cpu.amx_int8) limits.int8.push_back(peak("AMX int8", amx::peak_int8, threads));
  if (cpu.amx_bf16) limits.bf16.push_back(peak("AMX bf16", amx::peak_bf16, threads));
  return limits;
}

}  // namespace paddock::kernels
