// SPDX-License-Identifier: Apache-2.0
#include "cli/csv.h"

#include <algorithm>

namespace paddock::cli {
namespace {

bool is_plain_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string csv_field(std::string_view text) {
  std::string field;
  constexpr std::string_view kFormulaBegins = "=+-@\t\r";
  if (!text.empty() && kFormulaBegins.find(text.front()) != std::string_view::npos && !is_plain_number(text))
    field = "'";
  field += text;
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char character : field) quoted.append(character == '"' ? 2 : 1, character);
  return quoted + "\"";
}

}  // namespace

std::string csv_line(std::span<const std::string> fields) {
  std::string line;
  for (size_t column = 0; column < fields.size(); ++column) line += (column > 0 ? "," : "") + csv_field(fields[column]);
  return line + "\n";
}

}  // namespace paddock::cli
