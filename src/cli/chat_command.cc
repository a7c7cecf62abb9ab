// SPDX-License-Identifier: Apache-2.0
// paddock chat: talk to a model in the terminal.

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/utf8.h"
#include "cli/chat_session.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/line_reader.h"
#include "cli/open_model.h"
#include "cli/sampling_options.h"
#include "cli/user_folders.h"
#include "engine/sampler.h"

namespace paddock::cli {
namespace {

constexpr const char* kChatExamples = R"(Examples:
  paddock chat
  paddock chat model.gguf --system "Answer in one sentence." --temperature 0.3
  printf 'Hello\nAnd in French?\n' | paddock chat folder/ --seed 1
)";

// Ctrl-C and progress wait for the end of a step: people get shorter ones than programs.
constexpr int64_t kPrefillBatch = 128;
constexpr int64_t kDefaultContext = 32768;
constexpr int64_t kLeastContext = 1024;  // below, the default gives up halving

struct ChatOptions {
  ModelOptions model;
  Verbosity verbosity;
  SamplingOptions sampling;
  std::optional<std::string> system;
  std::optional<int64_t> context;
  std::optional<int64_t> max_tokens;
  int64_t speculate = 0;
  bool show_special = false;
};

Result<std::string> model_path(const ChatOptions& options) {
  if (!options.model.model.empty()) return options.model.model;
  const std::filesystem::path path = default_model();
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path.string();
  return error(ErrorCode::kNotFound,
               "{}: expected the default model, found none; start ./run once, which fetches it, or name a MODEL",
               path.string());
}

// The context that was asked for, or the largest that fits among the default and its halves.
Result<llama4::MemoryPlan> plan_chat(const ChatOptions& options, const OpenModel& open,
                                     const kernels::Machine& machine) {
  if (options.context) return plan_run(open, options.model, *options.context, machine, options.speculate);
  int64_t context = std::min(kDefaultContext, open.config.context);
  while (true) {
    llama4::MemoryPlan plan = TRY(plan_run(open, options.model, context, machine, options.speculate));
    if (context / 2 < kLeastContext || llama4::require_fit(plan, memory_limit(options.model))) return plan;
    context /= 2;
  }
}

// Lines that end in a backslash go on in the next.
Line read_message(LineReader& reader) {
  Line whole = reader.read("> ");
  while (whole.kind == Line::Kind::kText && whole.text.ends_with('\\')) {
    whole.text.back() = '\n';
    const Line more = reader.read(". ");
    if (more.kind == Line::Kind::kCleared) return more;
    if (more.kind == Line::Kind::kEnd) break;
    whole.text += more.text;
  }
  return whole;
}

Result<void> chat(const ChatOptions& given) {
  ChatOptions options = given;
  options.verbosity.apply();
  const auto machine = TRY(choose_machine(options.model));
  const std::string path = TRY(model_path(options));
  OpenModel open = TRY(open_model(path));
  TRY_VOID(require_tokenizer(open.text, open.path));
  open.vision = TRY(open_vision(open, options.model.vision));
  const text::ChatTemplate chat_template = TRY(read_chat_template(open.text));
  const engine::SamplingParameters sampling = TRY(resolve_sampling(options.sampling, chat_sampling(open.generation)));
  TRY_VOID(engine::check_sampling(sampling, open.config.vocabulary));

  const auto adapter = TRY(load_adapter(open, &options.model, machine.get()));
  const llama4::MemoryPlan plan = TRY(plan_chat(options, open, *machine));
  if (!options.verbosity.quiet) note_aside(plan_line(plan, options.model, *machine));
  const llama4::Model model = TRY(load_planned(&open, options.model, plan, machine.get()));
  Eyes eyes;
  if (open.vision) eyes = TRY(open_eyes(open, *open.vision, options.model.vision, machine.get()));
  const auto engine =
      TRY(engine::Engine::create(model, plan, {.draft_tokens = options.speculate, .pictures = eyes.store}));

  InterruptWatch watch(SecondInterrupt::kIsTheSame);
  const auto reader = make_line_reader(history_file());
  std::optional<std::string> system;
  if (options.system) system = replace_invalid_utf8(*options.system);
  ChatSession session(
      open, chat_template, *engine, eyes.reader.get(), watch,
      {sampling, options.max_tokens.value_or(-1), options.show_special, options.verbosity.quiet, adapter},
      Conversation(system));
  if (stdin_is_terminal()) note("{}; /help lists the commands", path);
  while (true) {
    const Line line = read_message(*reader);
    if (line.kind == Line::Kind::kEnd) break;
    if (line.kind == Line::Kind::kCleared) continue;
    if (!TRY(session.hear(line.text))) return {};
  }
  if (stdin_is_terminal()) note_line("");
  return {};
}

}  // namespace

void add_chat_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<ChatOptions>();
  options->model.prefill_batch = kPrefillBatch;
  CLI::App& command = *program.add_subcommand("chat", "talk to a model");
  add_model_argument(command, &options->model.model, false);
  command.add_option("--system", options->system, "the system message that the conversation begins with");
  command
      .add_option("--context", options->context,
                  fmt::format("positions of the conversation; otherwise {} or the checkpoint's limit, whichever is "
                              "smaller, or half of it and so on until it fits",
                              kDefaultContext))
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command
      .add_option("--max-tokens", options->max_tokens, "length of an answer at most; otherwise what the context holds")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  command.add_flag("--show-special", options->show_special, "show special tokens in answers");
  add_speculate_option(command, &options->speculate);
  add_sampling_options(command, &options->sampling);
  add_adapter_option(command, &options->model);
  add_model_options(command, &options->model);
  add_vision_options(command, &options->model.vision);
  add_verbosity(command, &options->verbosity);
  command.footer(
      std::string("Answers are drawn as generation_config.json says, otherwise with temperature 0.7 and top-p 0.95.\n"
                  "Without MODEL the default model is taken, which ./run fetches.\n\n") +
      kChatExamples);
  command.callback([options, chosen] { *chosen = [options] { return chat(*options); }; });
}

}  // namespace paddock::cli
