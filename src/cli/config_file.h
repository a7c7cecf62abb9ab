// SPDX-License-Identifier: Apache-2.0
#pragma once
// The options of a command as a TOML file: key = value, by their long names.

#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace paddock::cli {

// Gives the options that neither the command line nor the environment has set what the file says. May throw
// CLI::ParseError where a value is none for its option, as the parser does.
Result<void> apply_config_file(CLI::App& command, const std::string& path);

// All options with what they are, as such a file; those that are not set are comments.
std::string config_text(const CLI::App& command);

}  // namespace paddock::cli
