// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace paddock::cli {
namespace {

const char* name(engine::Phase phase) { return phase == engine::Phase::kPrefill ? "prefill" : "decode"; }

struct Spread {
  double median, min, max;
};

Spread tokens_per_second(const engine::SpeedResult& result) {
  std::vector<double> speeds;
  for (const double seconds : result.seconds) speeds.push_back(result.tokens_per_second(seconds));
  std::sort(speeds.begin(), speeds.end());
  const size_t half = speeds.size() / 2;
  const double median = speeds.size() % 2 == 1 ? speeds[half] : (speeds[half - 1] + speeds[half]) / 2;
  return {median, speeds.front(), speeds.back()};
}

double median_seconds(const engine::SpeedResult& result) {
  return static_cast<double>(result.of.tokens * result.of.streams) / tokens_per_second(result).median;
}

double bytes_of(const engine::SpeedResult& result) { return result.cost.weight_bytes + result.cost.cache_bytes; }

// Operations a second by kind of arithmetic; missing where this processor has none.
std::optional<double> peak_of(size_t arithmetic, const kernels::MachineLimits& limits) {
  std::optional<double> gop_s = limits.f32.gop_s;
  if (arithmetic == static_cast<size_t>(kernels::Arithmetic::kInt8)) gop_s = kernels::MachineLimits::best(limits.int8);
  if (arithmetic == static_cast<size_t>(kernels::Arithmetic::kBf16)) gop_s = kernels::MachineLimits::best(limits.bf16);
  if (gop_s) *gop_s *= 1e9;
  return gop_s;
}

Json number_or_null(std::optional<double> number) { return number ? Json(*number) : Json(); }

Json peaks_json(const std::vector<kernels::ArithmeticPeak>& peaks) {
  Json json = Json::object();
  for (const auto& peak : peaks) json[peak.by] = peak.gop_s;
  return json;
}

Json run_json(const BenchRun& run, const kernels::MachineLimits& limits) {
  const auto& result = run.result;
  const Spread speed = tokens_per_second(result);
  const double tokens = static_cast<double>(result.of.tokens * result.of.streams);
  Json json = {{"phase", name(result.of.phase)},
               {"tokens", result.of.tokens},
               {"depth", result.of.depth},
               {"streams", result.of.streams},
               {"adapters", result.of.adapters},
               {"steps", result.steps},
               {"tokens_per_s", speed.median},
               {"min", speed.min},
               {"max", speed.max},
               {"runs", result.seconds.size()},
               {"fraction_of_limit", number_or_null(fraction_of_limit(result, limits))},
               {"bytes_per_token", bytes_of(result) / tokens},
               {"operations_per_token", result.cost.all_operations() / tokens},
               {"read_gb_s", bytes_of(result) / median_seconds(result) / 1e9},
               {"gop_s", result.cost.all_operations() / median_seconds(result) / 1e9}};
  if (!run.profile.empty()) json["profile_seconds"] = run.profile;
  return json;
}

std::string profile_text(const ProfileSeconds& profile) {
  struct Line {
    std::string kind, operation;
    double seconds;
  };
  std::vector<Line> lines;
  double all = 0;
  for (const auto& [kind, operations] : profile)
    for (const auto& [operation, seconds] : operations) lines.push_back({kind, operation, seconds}), all += seconds;
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.seconds > b.seconds; });
  std::string text;
  for (const Line& line : lines)
    text += fmt::format("    {:5.1f} %  {:<12}  {}\n", 100 * line.seconds / all, line.kind, line.operation);
  return text;
}

}  // namespace

std::optional<double> fraction_of_limit(const engine::SpeedResult& result, const kernels::MachineLimits& limits) {
  double computing = 0;
  for (size_t arithmetic = 0; arithmetic < result.cost.operations.size(); ++arithmetic) {
    const double operations = result.cost.operations[arithmetic];
    if (operations == 0) continue;
    const auto peak = peak_of(arithmetic, limits);
    if (!peak) return std::nullopt;
    computing += operations / *peak;
  }
  const double reading = bytes_of(result) / (limits.best_read_gb_s() * 1e9);
  return std::max(reading, computing) / median_seconds(result);
}

std::string limits_text(const Bench& bench) {
  const kernels::MachineLimits& limits = bench.limits;
  std::string text = fmt::format("{}, {} threads\n", bench.machine, limits.threads);
  for (size_t index = 0; index < limits.read_gb_s.size(); ++index)
    text +=
        fmt::format("  read, {} thread{}  {:8.1f} GB/s\n", index + 1, index == 0 ? " " : "s", limits.read_gb_s[index]);
  const auto line = [&](const char* what, const kernels::ArithmeticPeak& peak) {
    text += fmt::format("  {:<15}  {:8.1f} GOP/s  {}\n", what, peak.gop_s, peak.by);
  };
  line("float32", limits.f32);
  for (const auto& peak : limits.int8) line("int8", peak);
  for (const auto& peak : limits.bf16) line("bf16", peak);
  return text;
}

std::string case_name(const engine::SpeedCase& of) {
  return fmt::format("{} of {} at {}{}{}", name(of.phase), of.tokens, of.depth,
                     of.streams > 1 ? fmt::format(", {} streams", of.streams) : "",
                     of.adapters > 0 ? fmt::format(", {} adapters", of.adapters) : "");
}

std::string run_head() {
  return fmt::format("{:<8} {:>7} {:>7} {:>7} {:>8} {:>10} {:>19} {:>11} {:>10} {:>9}\n", "phase", "tokens", "depth",
                     "streams", "adapters", "tokens/s", "spread", "MB/token", "GOP/token", "of limit");
}

std::string run_text(const BenchRun& run, const kernels::MachineLimits& limits) {
  const auto& result = run.result;
  const Spread speed = tokens_per_second(result);
  const double tokens = static_cast<double>(result.of.tokens * result.of.streams);
  const auto fraction = fraction_of_limit(result, limits);
  return fmt::format("{:<8} {:>7} {:>7} {:>7} {:>8} {:>10.2f} {:>19} {:>11.1f} {:>10.3f} {:>9}\n",
                     name(result.of.phase), result.of.tokens, result.of.depth, result.of.streams, result.of.adapters,
                     speed.median, fmt::format("{:.2f}-{:.2f}", speed.min, speed.max), bytes_of(result) / tokens / 1e6,
                     result.cost.all_operations() / tokens / 1e9,
                     fraction ? fmt::format("{:.1f} %", 100 * *fraction) : "unknown") +
         (run.profile.empty() ? "" : profile_text(run.profile));
}

Json bench_json(const Bench& bench) {
  const kernels::MachineLimits& limits = bench.limits;
  Json json = {{"machine", bench.machine},
               {"path", bench.path.empty() ? Json() : Json(bench.path)},
               {"paths", bench.paths},
               {"limits",
                {{"threads", limits.threads},
                 {"read_gb_s", limits.best_read_gb_s()},
                 {"int8_gop_s", number_or_null(kernels::MachineLimits::best(limits.int8))},
                 {"fp32_gflop_s", limits.f32.gop_s},
                 {"bf16_gflop_s", number_or_null(kernels::MachineLimits::best(limits.bf16))},
                 {"read_gb_s_by_threads", limits.read_gb_s},
                 {"int8_gop_s_by", peaks_json(limits.int8)},
                 {"bf16_gflop_s_by", peaks_json(limits.bf16)}}},
               {"runs", Json::array()}};
  for (const BenchRun& run : bench.runs) json["runs"].push_back(run_json(run, limits));
  return json;
}

}  // namespace paddock::cli
