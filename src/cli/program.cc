// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <new>

#include "cli/commands.h"
#include "cli/console.h"

namespace paddock::cli {
namespace {

enum ExitStatus { kSuccess = 0, kFailure = 1, kWrongUsage = 2 };

constexpr const char* kProgramExamples = R"(Examples:
  paddock chat                                      talk to the default model
  paddock chat model.gguf                           talk to this one
  paddock run model.gguf --prompt "Once upon a time"
  paddock serve model.gguf                          answer requests of the API that programs call already
  paddock inspect folder/                           what a checkpoint is and what it needs
  paddock bench model.gguf                          how fast it runs, beside this machine's limits
  paddock score model.gguf --text book.txt --json   how likely a text is under the model
  paddock perplexity model.gguf --text book.txt     how well it predicts a long text, as peers measure it
  paddock tokenize folder/ --text "Hello" --json    {"ids":[…]}
  paddock render folder/ messages.json              a conversation as the model sees it
  paddock parse-tools --tools tools.json < answer   the calls in what a model said
  paddock distil record teacher.gguf --out record/ --text book.txt
  paddock train gradients folder/ batch.safetensors --out gradients.safetensors
  paddock upcycle dense/ student/                   a mixture of experts of a dense model
  paddock keys create --name web --budget 25        a key for a server, with limits
  paddock audit verify folder/                      whether its audit trail is as it was written

Results go to standard output, everything else to standard error. The exit status is 0 after success, 1 after failure
and 2 after wrong usage. The environment variable PADDOCK_MACHINE chooses what --machine would.)";

int tell(const Error& problem) {
  if (!problem.message.empty()) note("paddock: {}", problem.message);
  return problem.code == ErrorCode::kInvalidArgument ? kWrongUsage : kFailure;
}

// Of the command line's first words, down to a command that has no commands below it; other mistakes are the parser's
// to name.
Result<void> check_command(const CLI::App& program, int argc, char** argv) {
  const CLI::App* command = &program;
  std::string name = "paddock";
  for (int place = 1;; ++place) {
    const std::string word = place < argc ? argv[place] : "";
    const auto commands = command->get_subcommands({});
    if (commands.empty() || word.starts_with('-')) return {};
    std::string known;
    for (const CLI::App* each : commands) {
      if (each->get_name() == word) command = each;
      known += (known.empty() ? "" : ", ") + each->get_name();
    }
    const auto options = command->get_options();
    const bool takes_words = std::ranges::any_of(options, [](const auto* option) { return option->get_positional(); });
    if (command->get_name() != word && takes_words) return {};  // it does something by itself
    if (command->get_name() != word)
      return error(ErrorCode::kInvalidArgument, "expected a command: {}; found {} (see {} --help)", known,
                   word.empty() ? "none" : "\"" + word + "\"", name);
    name += " " + word;
  }
}

// The command that was being parsed, or the program where it was none, and its whole name for the hint.
struct ParsedCommand {
  const CLI::App* command;
  std::string name;
};
ParsedCommand parsed_command(const CLI::App& program) {
  ParsedCommand parsed{&program, "paddock"};
  for (auto inner = program.get_subcommands(); !inner.empty(); inner = parsed.command->get_subcommands()) {
    parsed.command = inner.front();
    parsed.name += " " + inner.front()->get_name();
  }
  return parsed;
}

int parse_and_run(int argc, char** argv) {
  CLI::App program("Paddock runs Llama-4-family models on ordinary processors.", "paddock");
  program.set_version_flag("--version", "paddock " PADDOCK_VERSION);
  program.footer(kProgramExamples);
  Action chosen;
  add_chat_command(program, &chosen);
  add_run_command(program, &chosen);
  add_serve_command(program, &chosen);
  add_score_command(program, &chosen);
  add_perplexity_command(program, &chosen);
  add_tokenize_command(program, &chosen);
  add_render_command(program, &chosen);
  add_parse_tools_command(program, &chosen);
  add_inspect_command(program, &chosen);
  add_bench_command(program, &chosen);
  add_convert_command(program, &chosen);
  add_distil_command(program, &chosen);
  add_train_command(program, &chosen);
  add_upcycle_command(program, &chosen);
  add_keys_command(program, &chosen);
  add_audit_command(program, &chosen);
  if (const auto checked = check_command(program, argc, argv); !checked) return tell(checked.error());
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const ParsedCommand parsed = parsed_command(program);
    const bool has_commands = !parsed.command->get_subcommands({}).empty();
    const auto printed =
        print(parsed.command->help("", has_commands ? CLI::AppFormatMode::Normal : CLI::AppFormatMode::All));
    return printed ? kSuccess : tell(printed.error());
  } catch (const CLI::CallForVersion& version) {
    const auto printed = print(std::string(version.what()) + "\n");
    return printed ? kSuccess : tell(printed.error());
  } catch (const CLI::ParseError& problem) {
    note("paddock: {} (see {} --help)", problem.what(), parsed_command(program).name);
    return kWrongUsage;
  }
  if (!chosen) return tell({ErrorCode::kInvalidArgument, "expected a command before the options (see paddock --help)"});
  const Result<void> done = chosen();
  return done ? kSuccess : tell(done.error());
}

}  // namespace

int run_program(int argc, char** argv) {
  // A reader that goes away and a file that may not grow are errors of write(), not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  try {
    return parse_and_run(argc, argv);
  } catch (const std::bad_alloc&) {
    note("paddock: out of memory");
  } catch (const std::exception& problem) {
    note("paddock: internal error: {}", problem.what());
  }
  return kFailure;
}

}  // namespace paddock::cli
