// SPDX-License-Identifier: Apache-2.0
// paddock train RECIPE: a job from a file.

#include "cli/train_job.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/process_memory.h"
#include "cli/chat_format.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/open_model.h"
#include "cli/train_progress.h"
#include "cli/trained_output.h"
#include "kernels/choose.h"
#include "kernels/limits/limits.h"
#include "llama4/identity.h"
#include "llama4/weights.h"
#include "train/jobs/job.h"

namespace paddock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTrainExamples = R"(Examples:
  paddock train recipes/chat-lora.toml --set model.start=scout.gguf --set data.train=chats.jsonl
  paddock train recipes/pretrain.toml --resume
  paddock train recipes/chat-lora.toml --set optimiser.rate=1e-4 --set out=runs/slower
  paddock train --keys

A recipe says what is trained on what (--keys lists all that it may say). The job owns the folder `out`: log.jsonl, its
checkpoints, recipe.toml with every key, and what it makes at the end. Ctrl-C ends it after the step, with a checkpoint;
--resume goes on from the newest, and gives the same bits as if nothing had happened. Nothing leaves this machine.)";

struct TrainOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::string recipe;
  std::vector<std::string> settings;
  bool resume = false, keys = false, limits = true;
};

// What a job starts from, alive as long as it.
struct Start {
  std::optional<OpenModel> open;
  std::optional<llama4::Model> model;
  llama4::Config config;
  ModelText text;
  std::optional<text::ChatTemplate> chat;
  std::vector<int32_t> stop;
  std::string identity;
};

Result<llama4::Config> read_shape(const std::string& path) {
  const fs::path file = fs::is_directory(path) ? fs::path(path) / "config.json" : fs::path(path);
  const Json json = TRY(parse_json(TRY(read_text_file(file, size_t{16} << 20)), file.string()));
  const auto read = TRY(llama4::config_from_json(json, file.string()));
  TRY_VOID(llama4::check_config(read.config, file.string()));
  return read.config;
}

Result<void> open_start(const train::Recipe& recipe, kernels::Machine* machine, Start* start) {
  if (recipe.model.start.empty()) {
    start->config = TRY(read_shape(recipe.model.config));
  } else {
    start->open = TRY(open_model(recipe.model.start));
    start->config = start->open->config;
    start->model = TRY(llama4::load_model(start->open->checkpoint, start->config, machine));
    start->identity = to_hex(llama4::identity_of(start->open->checkpoint, start->config, *machine));
  }
  if (start->open) start->stop = start->open->stop_tokens;
  start->text = recipe.model.tokenizer.empty() ? std::move(start->open->text)
                                               : TRY(read_model_text(fs::path(recipe.model.tokenizer)));
  TRY(require_tokenizer(start->text, recipe.model.start.empty() ? recipe.model.tokenizer : recipe.model.start));
  TRY_VOID(check_vocabulary_size(start->text, start->config.vocabulary));
  if (start->stop.empty())
    start->stop.assign(start->text.tokenizer->stop().begin(), start->text.tokenizer->stop().end());
  start->chat = TRY(read_chat_template(start->text));
  return {};
}

Result<void> require_memory(const train::JobMemory& memory, const TrainOptions& options) {
  const size_t limit = memory_limit(options.model);
  if (!options.verbosity.quiet)
    note_aside(fmt::format(
        "needs {} bytes: weights and gradients {}, optimiser {}, activations {}{}{}; {} available",
        grouped(memory.total()), grouped(memory.weights), grouped(memory.optimiser), grouped(memory.activations),
        memory.start > 0 ? fmt::format(", {} of the checkpoint's file", grouped(memory.start)) : "",
        memory.passing > 0 ? fmt::format(", {} for a while", grouped(memory.passing)) : "", grouped(limit)));
  if (limit == 0 || memory.total() <= limit) return {};
  return error(ErrorCode::kOutOfMemory,
               "{}: expected to need at most the {} bytes that are available, found {}; take fewer data.rows and more "
               "data.accumulate, recompute = true, optimiser.moments = \"q8\" or an adapter",
               options.recipe, grouped(limit), grouped(memory.total()));
}

double limit_of(const train::Recipe& recipe, const TrainOptions& options, const kernels::Machine& machine) {
  if (!options.limits || options.verbosity.quiet) return 0;
  const auto limits = kernels::measure_limits(machine.threads());
  forget_peak_memory();  // what measuring took is not the job's
  if (!limits) return 0;
  const auto bf16 = kernels::MachineLimits::best(limits->bf16);
  return recipe.precision == train::Precision::kBf16 && bf16 ? *bf16 : limits->f32.gop_s;
}

Result<void> run_job(const train::Recipe& recipe, const TrainOptions& options) {
  TRY_VOID(check_exports(recipe));
  const auto machine = TRY(choose_machine(options.model));
  const auto trainer = TRY(kernels::make_trainer(machine->name(), options.model.threads));
  Start start;
  TRY_VOID(open_start(recipe, machine.get(), &start));
  train::JobMemory memory = TRY(train::Job::plan(recipe, start.config));
  // An adapter's base is read from its file again and again; others are read once and stay as float32.
  if (start.open) memory.start = start.open->totals.bytes;
  TRY_VOID(require_memory(memory, options));
  train::JobParts parts{.machine = machine.get(),
                        .trainer = trainer.get(),
                        .config = &start.config,
                        .start = start.model ? &*start.model : nullptr,
                        .start_identity = start.identity,
                        .prefix = start.open ? llama4::name_prefix(start.open->checkpoint) : "",
                        .tokenizer = &*start.text.tokenizer,
                        .chat = &*start.chat,
                        .stop_tokens = start.stop,
                        .threads = options.model.threads,
                        .limit_gflop_s = limit_of(recipe, options, *machine)};
  TrainProgress progress(parts.limit_gflop_s, options.verbosity.quiet);
  const auto job = TRY(train::Job::create(recipe, parts, options.resume, &progress));
  const InterruptWatch watch(SecondInterrupt::kEndsProgram);
  const bool finished = TRY(job->run([&] { return watch.interrupted(); }));
  if (!options.verbosity.quiet)
    note_aside(fmt::format("took at most {} bytes of memory", grouped(process_memory().peak)));
  if (!finished) {
    note("stopped after step {} of {}; --resume goes on", job->step(), job->steps());
    return already_told();
  }
  TRY_VOID(job->take_result());
  for (const std::string& path : TRY(write_trained(recipe, {.bench = &job->bench(),
                                                           .open = start.open ? &*start.open : nullptr,
                                                           .start = start.model ? &*start.model : nullptr,
                                                           .text = &start.text,
                                                           .tokenizer = recipe.model.tokenizer,
                                                           .threads = options.model.threads})))
    TRY_VOID(print(path + "\n"));
  return {};
}

Result<void> train(const TrainOptions& options) {
  options.verbosity.apply();
  if (options.keys) return print(train::recipe_text({}));
  if (options.recipe.empty())
    return error(ErrorCode::kInvalidArgument, "expected a recipe or a subcommand, found neither (see --help)");
  const train::Recipe recipe = TRY(train::read_recipe(options.recipe, options.settings));
  TrainOptions chosen = options;
  chosen.model.exact = true;  // what is learned is of what the weights say
  return run_job(recipe, chosen);
}

}  // namespace

void add_train_job(CLI::App& command, Action* chosen) {
  auto options = std::make_shared<TrainOptions>();
  command.add_option("RECIPE", options->recipe, "a TOML file that says what is trained on what");
  command.add_option("--set", options->settings, "KEY=VALUE that goes before what the recipe says; may be repeated");
  command.add_flag("--resume", options->resume, "go on with the job in the recipe's folder");
  command.add_flag("--keys", options->keys, "print a recipe of all keys with their defaults");
  command.add_flag("!--no-limits", options->limits, "do not measure what the machine can do, which takes two seconds");
  add_machine_options(command, &options->model);
  add_verbosity(command, &options->verbosity);
  command.footer(kTrainExamples);
  command.callback([&command, options, chosen] {
    if (command.get_subcommands().empty()) *chosen = [options] { return train(*options); };
  });
}

}  // namespace paddock::cli
