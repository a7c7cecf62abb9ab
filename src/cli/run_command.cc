// SPDX-License-Identifier: Apache-2.0
// paddock run: a prompt in, the model's continuation out.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/process_memory.h"
#include "base/utf8.h"
#include "cli/answer.h"
#include "cli/chat_format.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/open_model.h"
#include "cli/prompt.h"
#include "cli/sampling_options.h"
#include "cli/token_file.h"

namespace paddock::cli {
namespace {

constexpr const char* kRunExamples = R"(Examples:
  paddock run model.gguf --prompt "The capital of France is" --max-tokens 8
  paddock run folder/ --image photo.jpg --prompt "What is in this picture?"
  echo "Name three colours." | paddock run folder/ --chat --temperature 0.7 --seed 1
  paddock run folder/ --tokens ids.json --ignore-eos --json
)";

struct RunOptions {
  ModelOptions model;
  Verbosity verbosity;
  SamplingOptions sampling;
  std::optional<std::string> prompt;
  std::string tokens;
  PromptOptions encoding;
  bool chat = false;
  std::optional<std::string> system;
  std::vector<std::string> images;
  int64_t max_tokens = 128;
  std::optional<int64_t> context;
  int64_t speculate = 0;
  bool ignore_eos = false;
  std::vector<std::string> stop_strings;
  bool show_special = false;
  std::optional<int32_t> logprobs;
  bool json = false;
};

Result<prompt::PicturedPrompt> chat_prompt(const RunOptions& options, const OpenModel& open, const std::string& text) {
  const auto* tokenizer = TRY(require_tokenizer(open.text, open.path));
  Json messages = Json::array();
  if (options.system) messages.push_back({{"role", "system"}, {"content", replace_invalid_utf8(*options.system)}});
  messages.push_back(
      {{"role", "user"}, {"content", TRY(content_with_pictures(options.images, replace_invalid_utf8(text)))}});
  const text::ChatTemplate chat_template = TRY(read_chat_template(open.text));
  const text::RenderedText rendered = TRY(render_conversation(chat_template, messages));
  const auto reader = open.vision ? make_picture_reader(*open.vision, options.model.vision) : nullptr;
  return prompt::read_pictures(messages, tokenizer->encode(rendered), reader.get(), options.model.vision.limits,
                               options.images);
}

Result<prompt::PicturedPrompt> read_prompt(const RunOptions& options, const OpenModel& open) {
  if (!options.tokens.empty())
    return prompt::PicturedPrompt{TRY(read_token_file(options.tokens, open.config.vocabulary)), {}};
  TRY_VOID(require_tokenizer(open.text, open.path));
  if (!options.prompt && stdin_is_terminal()) note("Type the prompt; Ctrl-D on an empty line ends it.");
  const std::string text = options.prompt ? *options.prompt : TRY(read_input("-"));
  if (options.chat || !options.images.empty()) return chat_prompt(options, open, text);
  return prompt::PicturedPrompt{TRY(encode_prompt(open.text, open.path, text, options.encoding)), {}};
}

// Prompt and answer, within what the user and the checkpoint allow.
Result<int64_t> context_for(const RunOptions& options, const OpenModel& open, int64_t prompt) {
  const int64_t limit = options.context.value_or(open.config.context);
  if (limit > open.config.context)
    return error(ErrorCode::kInvalidArgument, "--context: expected 1 to {}, the limit of {}, found {}",
                 open.config.context, open.path, limit);
  if (prompt >= limit)
    return error(ErrorCode::kLimit, "prompt: expected fewer tokens than the context of {}, found {}; shorten it{}",
                 limit, prompt, options.context ? " or choose a larger --context" : "");
  return prompt + std::clamp<int64_t>(options.max_tokens, 1, limit - prompt);
}

Json logprobs_json(const Answer& answer) {
  Json list = Json::array();
  for (size_t index = 0; index < answer.logprobs.size(); ++index) {
    Json best = Json::array();
    for (const auto& [token, logprob] : answer.logprobs[index].best)
      best.push_back({{"token", token}, {"logprob", logprob}});
    list.push_back(
        {{"token", answer.tokens[index]}, {"logprob", answer.logprobs[index].chosen}, {"top", std::move(best)}});
  }
  return list;
}

// What was planned, and what the process took; weights that no token called for were never read.
Json memory_json(const llama4::MemoryPlan& plan, const ProcessMemory& before) {
  const ProcessMemory now = process_memory();
  return {{"planned", plan.peak_bytes()},
          {"weights", plan.weight_bytes},
          {"cache", plan.cache_bytes},
          {"scratch", plan.scratch_bytes},
          {"program", plan.program_bytes},
          {"peak", now.peak},
          {"weights_read", now.mapped - std::min(now.mapped, before.mapped)}};
}

Result<void> print_json(const std::vector<int32_t>& prompt, const Answer& answer,
                        const engine::SamplingParameters& sampling, const engine::EngineCounts& counts, Json memory) {
  Json json = {{"prompt_tokens", prompt},
               {"tokens", answer.tokens},
               {"text", answer.text},
               {"finish_reason", engine::name(answer.finish_reason)},
               {"seed", sampling.seed},
               {"prefill_seconds", answer.prefill_seconds},
               {"prefill_tokens_per_second", answer.prefill_tokens_per_second()},
               {"decode_seconds", answer.decode_seconds},
               {"decode_tokens_per_second", answer.decode_tokens_per_second()},
               {"steps", counts.steps},
               {"drafted_tokens", counts.drafted_tokens},
               {"accepted_tokens", counts.accepted_tokens},
               {"memory", std::move(memory)}};
  if (sampling.top_logprobs >= 0) json["logprobs"] = logprobs_json(answer);
  return print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

// Where the answer goes while it comes: text, or ids where no tokenizer can make text of them.
void set_sinks(const RunOptions& options, Question* question) {
  if (options.json) return;
  if (question->tokenizer != nullptr)
    question->write = print;
  else
    question->write_token = [](int32_t token) { return print(fmt::format("{} ", token)); };
}

// Embeddings of these pictures and no others; they have been decoded already.
VisionOptions just_enough(VisionOptions options, const OpenVision& vision,
                          const std::vector<engine::Picture>& pictures) {
  int64_t tiles = 0;
  for (const engine::Picture& picture : pictures) tiles += static_cast<int64_t>(picture.tile_tokens.size());
  options.tiles_at_once = std::min(options.tiles_at_once, tiles);
  options.kept_bytes =
      static_cast<uint64_t>(tiles * vision.config.tokens_per_tile() * vision.config.text_width) * sizeof(float);
  return options;
}

Result<void> run(const RunOptions& given) {
  RunOptions options = given;
  options.verbosity.apply();
  engine::SamplingParameters greedy;
  greedy.temperature = 0;
  engine::SamplingParameters sampling = TRY(resolve_sampling(options.sampling, greedy));
  sampling.top_logprobs = options.logprobs.value_or(-1);
  const auto machine = TRY(choose_machine(options.model));
  OpenModel open = TRY(open_model(options.model.model));
  TRY_VOID(engine::check_sampling(sampling, open.config.vocabulary));
  if (!options.stop_strings.empty()) TRY_VOID(require_tokenizer(open.text, open.path));

  if (!options.images.empty()) open.vision = TRY(open_vision(open, options.model.vision));
  auto [prompt, pictures] = TRY(read_prompt(options, open));
  if (open.vision) options.model.vision = just_enough(options.model.vision, *open.vision, pictures);
  const int64_t context = TRY(context_for(options, open, static_cast<int64_t>(prompt.size())));
  const auto adapter = TRY(load_adapter(open, &options.model, machine.get()));
  const llama4::MemoryPlan plan = TRY(plan_run(open, options.model, context, *machine, options.speculate));
  if (!options.verbosity.quiet) note_aside(plan_line(plan, options.model, *machine));
  const ProcessMemory before = process_memory();
  const llama4::Model model = TRY(load_planned(&open, options.model, plan, machine.get()));
  Eyes eyes;
  if (open.vision) eyes = TRY(open_eyes(open, *open.vision, options.model.vision, machine.get()));
  const auto engine =
      TRY(engine::Engine::create(model, plan, {.draft_tokens = options.speculate, .pictures = eyes.store}));
  if (!open.text.tokenizer) note("{}: no tokenizer: the answer is token ids without text", open.path);

  Question question;
  question.request.prompt = prompt;
  question.request.pictures = std::move(pictures);
  question.request.sampling = sampling;
  question.request.adapter = adapter;
  question.request.max_tokens = options.max_tokens;
  if (!options.ignore_eos) question.request.stop_tokens = open.stop_tokens;
  question.tokenizer = open.text.tokenizer ? &*open.text.tokenizer : nullptr;
  question.special_text = options.show_special ? text::SpecialText::kShow : text::SpecialText::kSkip;
  question.stop_strings = options.stop_strings;
  set_sinks(options, &question);

  const InterruptWatch watch(SecondInterrupt::kEndsProgram);
  const Answer result = TRY(answer(*engine, std::move(question), watch));
  if (options.json)
    TRY_VOID(print_json(prompt, result, sampling, engine->counts(), memory_json(plan, before)));
  else
    TRY_VOID(print("\n"));
  if (!options.verbosity.quiet)
    note_aside(speed_line(result) + (sampling.temperature > 0 ? fmt::format("; seed {}", sampling.seed) : ""));
  if (result.finish_reason == engine::FinishReason::kCancelled) return already_told();
  return {};
}

}  // namespace

void add_run_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command = *program.add_subcommand("run", "continue a prompt, or answer it with --chat");
  add_model_argument(command, &options->model.model);
  auto* prompt = command.add_option("--prompt", options->prompt, "the text to continue; otherwise standard input is");
  auto* tokens = command.add_option("--tokens", options->tokens,
                                    "token ids to continue: a JSON file [ids] or {\"tokens\": [ids]}");
  tokens->excludes(prompt);
  add_prompt_options(command, &options->encoding);
  command.add_flag("--chat", options->chat, "the prompt is a user's message: put it into the model's chat format")
      ->excludes(tokens);
  command.add_option("--system", options->system, "system message of --chat and --image")->excludes(tokens);
  command.add_option("--image", options->images, "a picture that the user's message begins with; repeat")
      ->allow_extra_args(false)
      ->excludes(tokens);
  command.add_option("--max-tokens", options->max_tokens, "length of the answer at most")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40))
      ->capture_default_str();
  command
      .add_option("--context", options->context,
                  "positions for prompt and answer; otherwise just as many as these need")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command.add_flag("--ignore-eos", options->ignore_eos, "do not stop at tokens that end a text or a turn");
  command.add_option("--stop", options->stop_strings, "a text that ends the answer and is not shown; repeat")
      ->allow_extra_args(false);
  command.add_flag("--show-special", options->show_special, "show special tokens in the text");
  auto* json = command.add_flag("--json", options->json, "print one JSON object at the end");
  command.add_option("--logprobs", options->logprobs, "log-probabilities of each token and of so many of the best")
      ->check(CLI::Range(0, 1 << 24))
      ->needs(json);
  add_speculate_option(command, &options->speculate);
  add_sampling_options(command, &options->sampling);
  add_adapter_option(command, &options->model);
  add_model_options(command, &options->model);
  add_vision_options(command, &options->model.vision);
  add_verbosity(command, &options->verbosity);
  command.footer(std::string("Without --temperature the most likely token is taken each time.\n\n") + kRunExamples);
  command.callback([options, chosen] { *chosen = [options] { return run(*options); }; });
}

}  // namespace paddock::cli
