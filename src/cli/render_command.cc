// SPDX-License-Identifier: Apache-2.0
// paddock render: a conversation as the model sees it.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/chat_format.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/options.h"
#include "cli/token_file.h"

namespace paddock::cli {
namespace {

constexpr const char* kRenderExamples = R"(Examples:
  paddock render folder/ messages.json
  echo '[{"role": "user", "content": "Hello"}]' | paddock render model.gguf - --text
)";

struct RenderOptions {
  std::string model;
  std::string messages;
  Verbosity verbosity;
  bool as_given = false;
  bool text = false;
  bool json = false;  // the default, for symmetry with the other commands
};

Result<void> render(const RenderOptions& options) {
  options.verbosity.apply();
  const ModelText model = TRY(read_model_text(options.model));
  const text::ChatTemplate chat_template = TRY(read_chat_template(model));
  const std::string file = TRY(read_input(options.messages));
  const Json conversation = TRY(parse_json(file, options.messages, {.repair_text = true, .exact_integers = true}));
  const auto rendered =
      render_conversation(chat_template, conversation, options.as_given ? Tidying::kAsGiven : Tidying::kNormalise);
  if (!rendered) return error(ErrorCode::kBadFile, "{}: {}", options.messages, rendered.error().message);
  std::string text;
  for (const text::RenderedSpan& span : *rendered) text += span.text;
  if (options.text) return print(text);
  const Json json = {{"text", text}, {"ids", model.tokenizer->encode(*rendered)}};
  return print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace

void add_render_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App& command = *program.add_subcommand("render", "a conversation as the model sees it");
  add_model_argument(command, &options->model);
  command
      .add_option(
          "MESSAGES", options->messages,
          "a JSON file with an array of messages, or an object with messages, tools, add_generation_prompt (true "
          "where it is not said) and whatever else the template reads; - is standard input")
      ->required();
  command.add_flag("--as-given", options->as_given,
                   "do not tidy the conversation before: nulls, empty lists, parts and roles stay as they are");
  command.add_flag("--text", options->text, "print the text alone");
  command.add_flag("--json", options->json, "print {\"text\":…,\"ids\":[…]}, as without it");
  add_verbosity(command, &options->verbosity);
  command.footer(kRenderExamples);
  command.callback([options, chosen] { *chosen = [options] { return render(*options); }; });
}

}  // namespace paddock::cli
