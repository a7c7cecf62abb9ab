// SPDX-License-Identifier: Apache-2.0
// A step of training of a model with random weights: forward, backward, AdamW. One JSON object; bench/training.py runs
// it beside PyTorch.
//   training_bench CONFIG.json [--machine NAME] [--threads N] [--rows 8] [--length 512] [--steps 5] [--rounded]
//                  [--recompute]

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "kernels/choose.h"
#include "kernels/limits/limits.h"
#include "train/optimiser.h"
#include "train/pass.h"

namespace {

using namespace paddock;

struct Options {
  std::string config, machine;
  int threads = 0, steps = 5;
  int64_t rows = 8, length = 512;
  bool rounded = false, recompute = false;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int index = 1; index < argc; ++index) {
    const std::string name = argv[index];
    const auto value = [&] { return index + 1 < argc ? std::string(argv[++index]) : std::string("0"); };
    if (name == "--machine")
      options.machine = value();
    else if (name == "--threads")
      options.threads = std::stoi(value());
    else if (name == "--rows")
      options.rows = std::stoll(value());
    else if (name == "--length")
      options.length = std::stoll(value());
    else if (name == "--steps")
      options.steps = std::stoi(value());
    else if (name == "--rounded")
      options.rounded = true;
    else if (name == "--recompute")
      options.recompute = true;
    else
      options.config = name;
  }
  return options;
}

train::Batch random_batch(const Options& options, int64_t vocabulary) {
  train::Batch batch{options.rows, options.length, {}, {}, {}, {}};
  std::mt19937 random(1);
  for (int64_t index = 0; index < batch.count(); ++index) {
    batch.tokens.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(vocabulary)));
    batch.positions.push_back(static_cast<int32_t>(index % options.length));
    batch.documents.push_back(0);
  }
  for (int64_t index = 0; index < batch.count(); ++index)
    batch.targets.push_back(batch.tokens[static_cast<size_t>((index + 1) % batch.count())]);
  return batch;
}

// Multiplications and additions of a step, three times those of the forward pass; scores are counted where they are
// seen.
double operations(const llama4::Config& config, const train::Batch& batch) {
  const double tokens = static_cast<double>(batch.count()), width = static_cast<double>(config.width);
  const double queries = static_cast<double>(config.query_heads * config.head_width),
               keys = static_cast<double>(config.kv_heads * config.head_width);
  double numbers = width * static_cast<double>(config.vocabulary), seen = 0;
  for (const llama4::LayerPlan& plan : config.layers) {
    numbers += width * (2 * queries + 2 * keys);
    numbers += plan.moe ? 3 * width * static_cast<double>(config.expert_width * (1 + config.experts_per_token)) +
                              width * static_cast<double>(config.experts)
                        : 3 * width * static_cast<double>(config.dense_width);
    const auto first = train::first_visible(batch, plan.chunked ? config.chunk : 0);
    for (size_t token = 0; token < first.size(); ++token)
      seen += 2 * queries * static_cast<double>(static_cast<int64_t>(token) - first[token] + 1);
  }
  return 6 * (numbers * tokens + seen);
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int run(const Options& options) {
  const auto json = parse_json(read_text_file(options.config).value(), options.config);
  const auto config = llama4::config_from_json(json.value(), options.config).value().config;
  const auto machine = kernels::make_machine(options.machine, options.threads, true).value();
  const auto trainer = kernels::make_trainer(options.machine, options.threads).value();
  const auto bench = train::Workbench::create(config, machine.get(), trainer.get(), 1, 0.02, options.rounded).value();
  auto optimiser = train::Optimiser::create(*bench, {}).value();
  const train::Batch batch = random_batch(options, config.vocabulary);
  auto pass =
      train::Pass::create(bench->model(), {.tokens = batch.count(), .logits_rows = 512, .recompute = options.recompute})
          .value();
  std::vector<double> seconds;
  Json losses = Json::array();
  for (int step = 0; step <= options.steps; ++step) {
    const Stopwatch watch;
    bench->clear_gradients();
    losses.push_back(pass.run(batch, {}).loss);
    optimiser.step(1e-3, optimiser.gradient_norm());
    if (step > 0) seconds.push_back(watch.seconds());  // the first touches all memory
  }
  const double memory = peak_megabytes();
  const auto limits = kernels::measure_limits(machine->threads()).value();
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2], done = operations(config, batch);
  const Json result = {{"trainer", std::string(trainer->name())},
                       {"rounded", options.rounded},
                       {"parameters", bench->parameters().floats()},
                       {"seconds", {{"best", seconds.front()}, {"median", median}, {"worst", seconds.back()}}},
                       {"tokens_per_second", static_cast<double>(batch.count()) / median},
                       {"gflop_a_step", done / 1e9},
                       {"gflop_s", done / median / 1e9},
                       {"peak_f32_gflop_s", limits.f32.gop_s},
                       {"peak_bf16_gflop_s", limits.best(limits.bf16).value_or(0)},
                       {"peak_memory_mib", memory},
                       {"losses", losses}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(read_options(argc, argv)); }
