// SPDX-License-Identifier: Apache-2.0
#pragma once
// Comma-separated values by RFC 4180, with lines that end as everywhere else.

#include <span>
#include <string>
#include <string_view>

namespace paddock::cli {

// A line with its newline. Quoted where a field needs it. A spreadsheet takes text that begins with = + - @ for a
// formula, and such text may come from anybody: it gets an apostrophe before it, as spreadsheets write it themselves.
// Plain numbers stay as they are.
std::string csv_line(std::span<const std::string> fields);

}  // namespace paddock::cli
