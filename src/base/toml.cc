// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

namespace paddock {

Result<toml::table> parse_toml(const std::string& text, const std::string& source) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& problem) {
    return error(ErrorCode::kBadFile, "{}: line {}: {}", source, problem.source().begin.line, problem.description());
  }
}

}  // namespace paddock
