// SPDX-License-Identifier: Apache-2.0
// paddock perplexity: how well a model predicts a long text, and what rounded activations and caches cost.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/open_model.h"
#include "cli/prompt.h"
#include "cli/token_file.h"
#include "engine/perplexity.h"

namespace paddock::cli {
namespace {

constexpr const char* kPerplexityExamples =
    R"(The text is cut into chunks that begin with an empty cache; the second half of each is scored. llama.cpp's
llama-perplexity does the same, so that the figures can be compared.

Examples:
  paddock perplexity model.gguf --text wiki.txt
  paddock perplexity model.gguf --text wiki.txt --compare --json
  paddock perplexity model.gguf --text wiki.txt --exact --cache q8 --compare     what the cache alone costs
)";

struct PerplexityOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::string text;
  int64_t chunk = 512;
  int64_t most_chunks = 0;
  bool compare = false;
  bool json = false;
};

Result<std::vector<std::vector<int32_t>>> read_chunks(const PerplexityOptions& options, const OpenModel& open) {
  std::string text = TRY(read_input(options.text));
  if (!text.empty() && text.back() == '\n') text.pop_back();
  const std::vector<int32_t> tokens = TRY(encode_prompt(open.text, open.path, text, {}));
  const text::Tokenizer& tokenizer = *open.text.tokenizer;
  const auto bos = tokenizer.add_bos() ? tokenizer.bos() : std::nullopt;
  auto chunks = engine::cut_chunks(tokens, options.chunk, bos);
  if (chunks.empty())
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected at least one chunk of {} tokens, found {} tokens; choose a smaller --chunk",
                 options.text, options.chunk, tokens.size());
  if (options.most_chunks > 0 && static_cast<int64_t>(chunks.size()) > options.most_chunks)
    chunks.resize(static_cast<size_t>(options.most_chunks));
  return chunks;
}

Json json_of(const engine::Perplexity& result) {
  return {{"perplexity", result.perplexity()},
          {"perplexity_error", result.perplexity_error()},
          {"mean_nll", result.mean_nll},
          {"scored_tokens", result.scored_tokens},
          {"chunks", result.chunks}};
}

Result<void> print_run(const PerplexityOptions& options, const kernels::Machine& machine,
                       const engine::PerplexityRun& run) {
  if (options.json) {
    Json json = json_of(run.found);
    json["machine"] = std::string(machine.name());
    json["cache"] = options.model.cache;
    if (run.expected) {
      json["exact"] = json_of(*run.expected);
      json["kl_divergence"] = {{"mean", run.divergence->mean},
                               {"largest", run.divergence->largest},
                               {"same_best", run.divergence->same_best}};
    }
    return print(json.dump() + "\n");
  }
  std::string text = fmt::format("perplexity {:.4f} +/- {:.4f}, {} tokens in {} chunks, machine {}, cache {}\n",
                                 run.found.perplexity(), run.found.perplexity_error(), run.found.scored_tokens,
                                 run.found.chunks, machine.name(), options.model.cache);
  if (run.expected)
    text += fmt::format(
        "with exact activations and an f32 cache {:.4f} ({:+.3f} %), KL divergence mean {:.2e}, largest {:.2e} nats, "
        "same best token "
        "{:.2f} %\n",
        run.expected->perplexity(), 100 * (run.found.perplexity() / run.expected->perplexity() - 1),
        run.divergence->mean, run.divergence->largest, 100 * run.divergence->same_best);
  return print(text);
}

Result<void> run_perplexity(const PerplexityOptions& given) {
  PerplexityOptions options = given;
  options.verbosity.apply();
  const auto machine = TRY(choose_machine(options.model));
  OpenModel open = TRY(open_model(options.model.model));
  if (options.chunk > open.config.context)
    return error(ErrorCode::kLimit, "--chunk: expected at most the checkpoint's context of {}, found {}",
                 open.config.context, options.chunk);
  const auto chunks = TRY(read_chunks(options, open));
  const auto adapter = TRY(load_adapter(open, &options.model, machine.get()));
  const llama4::MemoryPlan plan = TRY(plan_scoring(open, options.model, options.chunk, *machine));
  if (!options.verbosity.quiet) note_aside(plan_line(plan, options.model, *machine));
  const llama4::Model model = TRY(load_planned(&open, options.model, plan, machine.get()));

  std::unique_ptr<kernels::Machine> exact_machine;
  llama4::Model exact;
  llama4::MemoryPlan exact_plan;
  std::shared_ptr<const llama4::Adapter> exact_adapter;
  if (options.compare) {
    ModelOptions exactly = options.model;
    exactly.exact = true;
    exactly.cache = "f32";
    exact_machine = TRY(choose_machine(exactly));
    exact_adapter = TRY(load_adapter(open, &exactly, exact_machine.get()));
    exact_plan = TRY(plan_scoring(open, exactly, options.chunk, *exact_machine));
    exact = TRY(load_planned(&open, exactly, exact_plan, exact_machine.get()));
  }
  const engine::Computed expected{exact, exact_plan, exact_adapter.get()};
  Progress progress("chunks");
  const auto run =
      TRY(engine::perplexity({model, plan, adapter.get()}, options.compare ? &expected : nullptr, chunks,
                             [&](int64_t done) { progress.show(done, static_cast<int64_t>(chunks.size())); }));
  progress.clear();
  return print_run(options, *machine, run);
}

}  // namespace

void add_perplexity_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App& command =
      *program.add_subcommand("perplexity", "how well a model predicts a long text, and what rounding costs");
  add_model_argument(command, &options->model.model);
  command.add_option("--text", options->text, "a file of text; - is standard input")->required();
  command.add_option("--chunk", options->chunk, "tokens of a chunk")
      ->check(CLI::Range(int64_t{4}, int64_t{1} << 24))
      ->capture_default_str();
  command.add_option("--chunks", options->most_chunks, "at most so many chunks; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40))
      ->capture_default_str();
  command.add_flag("--compare", options->compare,
                   "run the text with exact activations and an f32 cache too, and tell how far the two are apart");
  command.add_flag("--json", options->json, "print one JSON object");
  add_adapter_option(command, &options->model);
  add_model_options(command, &options->model);
  add_verbosity(command, &options->verbosity);
  command.footer(kPerplexityExamples);
  command.callback([options, chosen] { *chosen = [options] { return run_perplexity(*options); }; });
}

}  // namespace paddock::cli
