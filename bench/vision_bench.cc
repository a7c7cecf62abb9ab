// SPDX-License-Identifier: Apache-2.0
// How fast a checkpoint's vision tower turns tiles into tokens, beside what the machine can do at most.
//
//   vision_bench CHECKPOINT [machine [threads [tiles [exact|bf16 [rounds [tiles at once [FILE]]]]]]]
//
// FILE takes the first tile's embeddings, float32 as they lie. bench/vision.py makes a checkpoint of the released size
// with random weights and runs this and Hugging Face in turn.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/process_memory.h"
#include "kernels/choose.h"
#include "kernels/limits/limits.h"
#include "kernels/profile/profiled_machine.h"
#include "llama4/vision/encoder.h"

namespace {

using namespace paddock;

template <typename T>
T value_or_exit(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(*result);
}

// How many products of the machine's own data type stand for one: bf16 tiles take numbers in two terms where they are
// not rounded.
struct Terms {
  double linear = 1, attention = 1;
};

// Multiplications and additions of one tile, what fills the last block of rows not counted.
double operations(const llama4::VisionConfig& config, const Terms& terms) {
  const auto tokens = static_cast<double>(config.patches_per_tile() + 1);
  const auto width = static_cast<double>(config.width), mlp = static_cast<double>(config.mlp_width);
  const double layer = tokens * (4 * width * width + 2 * width * mlp);
  const double attention = 2 * tokens * tokens * width;
  const double patches = tokens * width * static_cast<double>(config.patch_values());
  const auto inner = static_cast<double>(config.adapter_inner), adapter = static_cast<double>(config.adapter_width);
  const double after = static_cast<double>(config.tokens_per_tile()) *
                       (static_cast<double>(config.shuffled_width()) * inner + inner * adapter +
                        adapter * static_cast<double>(config.text_width));
  const auto layers = static_cast<double>(config.layers);
  return 2 * (terms.linear * (layers * layer + patches + after) + terms.attention * layers * attention);
}

// As many tiles as are given, `at_once` together.
void encode(llama4::VisionEncoder* encoder, std::span<const std::span<const uint8_t>> tiles) {
  const auto at_once = static_cast<size_t>(encoder->tiles_at_once());
  for (size_t first = 0; first < tiles.size(); first += at_once) {
    encoder->begin(tiles.subspan(first, std::min(at_once, tiles.size() - first)));
    while (encoder->advance()) {
    }
  }
}

// Of the data type that the tower multiplies with; it moves on a shared machine.
double peak_gflop_s(const kernels::Machine& machine) {
  const auto limits = value_or_exit(kernels::measure_limits(machine.threads()));
  return machine.name() == "amx" ? *kernels::MachineLimits::best(limits.bf16) : limits.f32.gop_s;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, const char* otherwise) {
    return std::string(argc > index ? argv[index] : otherwise);
  };
  if (argc < 2) {
    std::fprintf(stderr,
                 "vision_bench CHECKPOINT [machine [threads [tiles [exact|bf16 [rounds [tiles at once [FILE]]]]]]]\n");
    return 1;
  }
  const auto machine = value_or_exit(kernels::make_machine(argument(2, "auto"), std::stoi(argument(3, "0"))));
  const int64_t tiles = std::stoll(argument(4, "1"));
  const bool rounded = argument(5, "exact") == "bf16";
  const int rounds = std::stoi(argument(6, "3"));
  const int64_t at_once = std::min<int64_t>(tiles, std::stoll(argument(7, "4")));

  const auto checkpoint = value_or_exit(checkpoint::Checkpoint::open(argv[1]));
  const auto config = value_or_exit(llama4::read_vision_config(checkpoint));
  if (!config) {
    std::fprintf(stderr, "%s has no vision tower\n", argv[1]);
    return 1;
  }
  kernels::ProfiledMachine profiled(machine.get());
  const auto model = value_or_exit(llama4::load_vision(checkpoint, *config, &profiled));
  auto encoder = value_or_exit(llama4::VisionEncoder::create(
      model, at_once, rounded ? llama4::VisionArithmetic::kBfloat16 : llama4::VisionArithmetic::kExact));

  std::vector<uint8_t> pixels(static_cast<size_t>(config->values_per_tile()));
  for (size_t index = 0; index < pixels.size(); ++index)
    pixels[index] = static_cast<uint8_t>(static_cast<uint32_t>(index) * 2654435761u >> 24);
  const std::vector<std::span<const uint8_t>> batch(static_cast<size_t>(tiles), pixels);

  // The first pass takes memory; what it takes at most is what all take, as the limits' own memory comes later.
  encode(&encoder, std::span(batch).first(static_cast<size_t>(at_once)));
  const size_t peak_bytes = process_memory().peak;
  if (const std::string path = argument(8, "-"); path != "-") {
    std::vector<float> embeddings(static_cast<size_t>(config->tokens_per_tile() * config->text_width));
    encoder.read(0, embeddings);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(embeddings.data()),
               static_cast<std::streamsize>(embeddings.size() * sizeof(float)));
  }

  double peak = peak_gflop_s(*machine);
  std::vector<double> seconds;
  profiled.take_seconds();
  const std::clock_t processor_before = std::clock();
  for (int round = 0; round < rounds; ++round) {
    const Stopwatch watch;
    encode(&encoder, batch);
    seconds.push_back(watch.seconds());
  }
  const double processor_seconds = static_cast<double>(std::clock() - processor_before) / CLOCKS_PER_SEC / rounds;
  std::map<std::string, double> parts = profiled.take_seconds();
  peak = std::max(peak, peak_gflop_s(*machine));

  Terms terms;
  if (machine->name() == "amx" && !rounded) {
    const bool one_term = model.weights.layers.front().up.weights.dtype == tensor::DType::kBF16;
    terms = {.linear = one_term ? 2.0 : 3.0, .attention = 3.0};
  }
  const double best = *std::min_element(seconds.begin(), seconds.end()) * 1e9 / static_cast<double>(tiles);
  std::printf(
      "{\"machine\": \"%s\", \"threads\": %d, \"tiles\": %ld, \"tiles_at_once\": %ld, \"arithmetic\": \"%s\", "
      "\"gflop_s\": %.0f, \"peak_gflop_s\": %.0f, \"of_peak\": %.3f, \"encoder_bytes\": %zu, \"private_bytes\": %zu, "
      "\"weight_bytes\": %zu, \"peak_bytes\": %zu, "
      "\"processor_seconds\": %.4f, \"seconds\": [",
      std::string(machine->name()).c_str(), machine->threads(), static_cast<long>(tiles), static_cast<long>(at_once),
      rounded ? "bf16" : "exact", operations(*config, {}) / best, peak, operations(*config, terms) / best / peak,
      llama4::VisionEncoder::bytes(*config, at_once), llama4::VisionEncoder::private_bytes(*config, *machine),
      model.totals.bytes, peak_bytes, processor_seconds);
  for (size_t round = 0; round < seconds.size(); ++round) std::printf("%s%.4f", round ? ", " : "", seconds[round]);
  std::printf("], \"parts\": {");
  const char* separator = "";
  for (const auto& [name, taken] : parts) {
    std::printf("%s\"%s\": %.4f", separator, name.c_str(), taken / rounds);
    separator = ", ";
  }
  std::printf("}}\n");
  return 0;
}
