// SPDX-License-Identifier: Apache-2.0
// paddock score: how likely a text is under the model, and the numbers on the way.

#include <CLI/CLI.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/new_file.h"
#include "cli/capture.h"
#include "cli/chat_format.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/conversation.h"
#include "cli/open_model.h"
#include "cli/prompt.h"
#include "cli/token_file.h"
#include "engine/score.h"

namespace paddock::cli {
namespace {

constexpr const char* kScoreExamples = R"(Examples:
  paddock score model.gguf --text book.txt --json
  paddock score folder/ --tokens ids.json --logits logits.safetensors --hidden hidden.safetensors
  paddock score folder/ --messages question-with-pictures.json --logits logits.safetensors
  paddock score folder/ --tokens long.json --logits edge.safetensors --rows 8190:8194 --cache f32
)";

struct ScoreOptions {
  ModelOptions model;
  Verbosity verbosity;
  std::string text;
  std::string tokens;
  std::string messages;
  PromptOptions encoding;
  std::string logits;
  std::string hidden;
  std::string rows;
  bool rounded = false;
  bool json = false;
};

// A conversation in the model's chat format, up to where the answer begins.
Result<prompt::PicturedPrompt> read_messages(const ScoreOptions& options, OpenModel* open) {
  const auto* tokenizer = TRY(require_tokenizer(open->text, open->path));
  const Conversation conversation = TRY(Conversation::load(options.messages));
  const text::ChatTemplate chat_template = TRY(read_chat_template(open->text));
  const auto tokens = tokenizer->encode(TRY(render_conversation(chat_template, conversation.json())));
  if (!prompt::pictures_of(conversation.json()).empty()) open->vision = TRY(open_vision(*open, options.model.vision));
  const auto reader = open->vision ? make_picture_reader(*open->vision, options.model.vision) : nullptr;
  return prompt::read_pictures(conversation.json(), tokens, reader.get(), options.model.vision.limits);
}

const std::string& source_of(const ScoreOptions& options) {
  return !options.tokens.empty() ? options.tokens : !options.messages.empty() ? options.messages : options.text;
}

Result<std::vector<int32_t>> read_text_or_tokens(const ScoreOptions& options, const OpenModel& open) {
  if (!options.tokens.empty()) return read_token_file(options.tokens, open.config.vocabulary);
  const std::string text = TRY(read_input(options.text));
  auto ids = TRY(encode_prompt(open.text, open.path, text, options.encoding));
  if (ids.empty()) return error(ErrorCode::kBadFile, "{}: expected text to score, found none", options.text);
  return ids;
}

// That the results can be written is found before the work, not after it.
Result<void> check_outputs(const ScoreOptions& options) {
  if (!options.logits.empty() && options.logits == options.hidden)
    return error(ErrorCode::kInvalidArgument, "--logits and --hidden: expected two files, found {} for both",
                 options.logits);
  for (const std::string& path : {options.logits, options.hidden})
    if (!path.empty()) TRY(NewFile::create(path));
  return {};
}

Result<void> print_score(const ScoreOptions& options, int64_t tokens, const engine::Score& score) {
  const bool has_score = score.scored_tokens > 0;
  if (!options.json)
    return print(has_score ? fmt::format("{} tokens, mean nll {:.6f}, perplexity {:.4f}\n", tokens, score.mean_nll,
                                         std::exp(score.mean_nll))
                           : fmt::format("{} token, which nothing predicts\n", tokens));
  const Json json = {{"tokens", tokens},
                     {"scored_tokens", score.scored_tokens},
                     {"mean_nll", has_score ? Json(score.mean_nll) : Json()},
                     {"perplexity", has_score ? Json(std::exp(score.mean_nll)) : Json()}};
  return print(json.dump() + "\n");
}

Result<void> score(const ScoreOptions& options) {
  options.verbosity.apply();
  ModelOptions model_options = options.model;
  model_options.exact = !options.rounded;  // a score is a proof: only what the weights say
  const auto machine = TRY(choose_machine(model_options));
  OpenModel open = TRY(open_model(options.model.model));
  prompt::PicturedPrompt text;
  if (options.messages.empty())
    text.tokens = TRY(read_text_or_tokens(options, open));
  else
    text = TRY(read_messages(options, &open));
  const std::vector<int32_t>& tokens = text.tokens;
  const auto count = static_cast<int64_t>(tokens.size());
  if (count > open.config.context)
    return error(ErrorCode::kLimit, "{}: expected at most {} tokens, the context of the checkpoint, found {}",
                 source_of(options), open.config.context, count);
  const RowRange rows = TRY(parse_rows(options.rows, count));
  TRY_VOID(check_outputs(options));

  const auto adapter = TRY(load_adapter(open, &model_options, machine.get()));
  const llama4::MemoryPlan plan = TRY(plan_scoring(open, model_options, count, *machine));
  if (!options.verbosity.quiet) note_aside(plan_line(plan, model_options, *machine));
  const CaptureWishes wishes{!options.logits.empty(), !options.hidden.empty(), rows};
  const llama4::Model model =
      TRY(load_planned(&open, model_options, plan, machine.get(), capture_bytes(open.config, wishes)));

  Eyes eyes;
  if (open.vision) eyes = TRY(open_eyes(open, *open.vision, options.model.vision, machine.get()));
  Capture capture(open.config, wishes);
  Progress progress("scoring");
  engine::ScoreSinks sinks = capture.sinks();
  sinks.progress = [&](int64_t done) { progress.show(done, count); };
  const engine::Score result =
      TRY(engine::score(model, plan, tokens, sinks, {std::move(text.pictures), eyes.store.get()}, adapter.get()));
  progress.clear();
  if (wishes.logits) TRY_VOID(capture.write_logits(options.logits, tokens));
  if (wishes.hidden) TRY_VOID(capture.write_hidden(options.hidden, tokens));
  return print_score(options, count, result);
}

}  // namespace

void add_score_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<ScoreOptions>();
  CLI::App& command = *program.add_subcommand("score", "how likely a text is under the model");
  add_model_argument(command, &options->model.model);
  auto* text = command.add_option("--text", options->text, "a file of text; - is standard input");
  auto* tokens =
      command.add_option("--tokens", options->tokens, "a JSON file of token ids: [ids] or {\"tokens\": [ids]}");
  text->excludes(tokens);
  command
      .add_option("--messages", options->messages,
                  "a JSON file of a conversation, as clients send it to a server: pictures as data: addresses")
      ->excludes(text)
      ->excludes(tokens);
  command.add_option("--logits", options->logits, "write the logits: F32 [rows, vocabulary] in safetensors");
  command.add_option("--hidden", options->hidden,
                     "write the embedding and the residual stream after each layer: F32 [layers + 1, rows, width], and "
                     "the experts chosen: I32 [rows, experts of a token]");
  command.add_option("--rows", options->rows, "write only positions from a up to but without b, as a:b");
  command.add_flag(
      "--rounded", options->rounded,
      "round activations in products with quantised weights as other commands do; otherwise they are exact");
  add_prompt_options(command, &options->encoding);
  command.add_flag("--json", options->json, "print one JSON object");
  add_adapter_option(command, &options->model);
  add_model_options(command, &options->model);
  add_vision_options(command, &options->model.vision);
  add_verbosity(command, &options->verbosity);
  command.footer(kScoreExamples);
  command.callback([options, chosen] {
    if (options->text.empty() && options->tokens.empty() && options->messages.empty())
      throw CLI::ValidationError("give --text, --tokens or --messages");
    *chosen = [options] { return score(*options); };
  });
}

}  // namespace paddock::cli
