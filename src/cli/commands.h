// SPDX-License-Identifier: Apache-2.0
#pragma once
// The commands of the program, each in the file of its name.

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

namespace paddock::cli {

// What a parsed command line asks for. kInvalidArgument is wrong usage; an error without a sentence has been told.
using Action = std::function<Result<void>()>;

// Each adds its command to the program and sets `chosen` when the command is given.
void add_chat_command(CLI::App& program, Action* chosen);
void add_run_command(CLI::App& program, Action* chosen);
void add_serve_command(CLI::App& program, Action* chosen);
void add_score_command(CLI::App& program, Action* chosen);
void add_perplexity_command(CLI::App& program, Action* chosen);
void add_tokenize_command(CLI::App& program, Action* chosen);
void add_render_command(CLI::App& program, Action* chosen);
void add_parse_tools_command(CLI::App& program, Action* chosen);
void add_inspect_command(CLI::App& program, Action* chosen);
void add_bench_command(CLI::App& program, Action* chosen);
void add_convert_command(CLI::App& program, Action* chosen);
void add_distil_command(CLI::App& program, Action* chosen);
void add_train_command(CLI::App& program, Action* chosen);
void add_upcycle_command(CLI::App& program, Action* chosen);
void add_keys_command(CLI::App& program, Action* chosen);
void add_audit_command(CLI::App& program, Action* chosen);

}  // namespace paddock::cli
