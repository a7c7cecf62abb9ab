// SPDX-License-Identifier: Apache-2.0
// paddock train gradients: what one batch costs, and the gradient of every parameter.

#include "cli/train_gradients.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/new_file.h"
#include "checkpoint/safetensors_writer.h"
#include "cli/console.h"
#include "cli/open_model.h"
#include "kernels/choose.h"
#include "llama4/weights.h"
#include "train/batch_file.h"
#include "train/pass.h"
#include "train/workbench.h"

namespace paddock::cli {
namespace {

constexpr const char* kGradientsExamples = R"(Examples:
  paddock train gradients folder/ batch.safetensors --out gradients.safetensors --json
  paddock train gradients folder/ batch.safetensors --aux 0.01 --z 0.001 --machine reference
  paddock train gradients folder/ batch.safetensors --adapter lora/ --out adapter-gradients.safetensors

The batch holds integers of one shape [rows, length]: tokens; targets, the token that should follow each or -100 for
none; positions, from 0 on in each document; document, a number for each text of a row. The loss is the mean over all
targets. Gradients have the names and the layout of Hugging Face's checkpoints, those of an adapter PEFT's.)";

// Rows of logits that are computed at once: a piece of 64 MiB of a vocabulary of 200,000.
constexpr int64_t kLogitsRows = 80;

struct GradientsOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::string batch, out, adapter;
  double balance = 0, z = 0;
  bool recompute = false, json = false;
};

Result<void> require_fit(const OpenModel& open, const GradientsOptions& options, const train::TapeWishes& tape) {
  const auto parameters = train::ParameterList::of(open.config);
  const bool frozen = !options.adapter.empty();
  // Weights that are trained are read into the program's own memory and then handed over.
  const size_t passing = frozen ? 0 : static_cast<size_t>(parameters.floats()) * sizeof(float);
  const size_t blocks = train::Workbench::bytes(parameters, frozen) + passing;
  const size_t kept = train::Pass::bytes(open.config, tape), limit = memory_limit(options.model);
  if (!options.verbosity.quiet)
    note_aside(fmt::format("needs {} bytes: weights and gradients {}, activations {}; {} available",
                           grouped(blocks + kept), grouped(blocks), grouped(kept), grouped(limit)));
  if (limit > 0 && blocks + kept > limit)
    return error(ErrorCode::kOutOfMemory,
                 "{}: expected to need at most the {} bytes that are available, found {}; take a smaller batch, "
                 "--recompute, or an adapter",
                 options.model.model, grouped(limit), grouped(blocks + kept));
  return {};
}

Result<void> write_gradients(const std::string& path, const train::Workbench& bench) {
  const std::vector<float> block = bench.read(bench.gradients(), bench.floats());
  const std::vector<train::TrainedTensor> tensors = bench.tensors();
  std::vector<checkpoint::TensorToWrite> to_write;
  for (const train::TrainedTensor& tensor : tensors)
    to_write.push_back({tensor.name,
                        {tensor::DType::kF32, tensor.shape,
                         std::as_bytes(std::span(block).subspan(static_cast<size_t>(tensor.offset),
                                                                static_cast<size_t>(tensor.count)))}});
  return checkpoint::write_safetensors(path, to_write);
}

Result<void> print_result(const GradientsOptions& options, const train::PassResult& result, double norm) {
  if (!options.json)
    return print(
        fmt::format("loss {:.6f} over {} targets (cross entropy {:.6f}, balance {:.6f}, z {:.6f}), gradient "
                    "norm {:.6f}\n",
                    result.loss, result.targets, result.cross_entropy, result.balance, result.z, norm));
  Json experts = Json::object();
  for (size_t layer = 0; layer < result.tokens_per_expert.size(); ++layer)
    if (!result.tokens_per_expert[layer].empty()) experts[std::to_string(layer)] = result.tokens_per_expert[layer];
  const Json json = {{"loss", result.loss},
                     {"tokens", result.targets},
                     {"positions", result.token_losses.size()},
                     {"cross_entropy", result.cross_entropy},
                     {"aux", result.balance},
                     {"z", result.z},
                     {"gradient_norm", norm},
                     {"tokens_per_expert", experts}};
  return print(json.dump() + "\n");
}

Result<void> gradients(GradientsOptions options) {
  options.verbosity.apply();
  options.model.exact = true;  // what gradients are of is what the weights say
  const auto machine = TRY(choose_machine(options.model));
  const auto trainer = TRY(kernels::make_trainer(machine->name(), options.model.threads));
  OpenModel open = TRY(open_model(options.model.model));
  const train::Batch batch = TRY(train::read_batch(options.batch, open.config.vocabulary));
  if (train::target_count(batch) == 0)
    return error(ErrorCode::kBadFile, "{}: targets: expected at least one token, found none", options.batch);
  if (!options.out.empty()) TRY(NewFile::create(options.out));  // found before the work, not after it
  constexpr int64_t kLargestRank = 256;
  const train::TapeWishes tape{.tokens = batch.count(),
                               .logits_rows = std::min(kLogitsRows, batch.count()),
                               .rank = options.adapter.empty() ? 0 : kLargestRank,
                               .recompute = options.recompute};
  TRY_VOID(require_fit(open, options, tape));
  const llama4::Model model = TRY(llama4::load_model(open.checkpoint, open.config, machine.get()));
  const auto bench = TRY(train::Workbench::create(
      model, trainer.get(), {.prefix = llama4::name_prefix(open.checkpoint), .adapter = options.adapter}));
  if (bench->adapter() && bench->adapter()->rank() > kLargestRank)
    return error(ErrorCode::kUnsupported, "{}: expected a rank of at most {}, found {}", options.adapter, kLargestRank,
                 bench->adapter()->rank());
  log_info("training arithmetic: {}", trainer->name());
  train::Pass pass = TRY(train::Pass::create(bench->model(), tape));
  const train::PassResult result = pass.run(
      batch, {.balance_weight = static_cast<float>(options.balance), .z_weight = static_cast<float>(options.z)});
  const double norm = std::sqrt(trainer->sum_of_squares(bench->gradients(), bench->floats()));
  if (!options.out.empty()) TRY_VOID(write_gradients(options.out, *bench));
  return print_result(options, result, norm);
}

}  // namespace

void add_train_gradients(CLI::App& train, Action* chosen) {
  auto options = std::make_shared<GradientsOptions>();
  CLI::App& command = *train.add_subcommand("gradients", "what one batch costs, and the gradient of every parameter");
  add_model_argument(command, &options->model.model);
  command.add_option("BATCH", options->batch, "a safetensors file: tokens, targets, positions, document")->required();
  command.add_option("--out", options->out, "write the gradients: F32 in safetensors");
  command.add_option("--aux", options->balance, "weight of the loss that keeps experts evenly used")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--z", options->z, "weight of the loss that keeps router scores small")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--adapter", options->adapter, "a PEFT adapter's folder; the gradients are those of its updates");
  command.add_flag("--recompute", options->recompute,
                   "keep only what each layer reads and compute the rest again: less memory, a third more time");
  command.add_flag("--json", options->json, "print one JSON object");
  add_model_options(command, &options->model);
  add_verbosity(command, &options->verbosity);
  command.footer(kGradientsExamples);
  command.callback([options, chosen] { *chosen = [options] { return gradients(*options); }; });
}

}  // namespace paddock::cli
