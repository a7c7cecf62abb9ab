// SPDX-License-Identifier: Apache-2.0
// paddock parse-tools: the tool calls in what a model said, as the service finds them.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/token_file.h"
#include "text/tool_calls.h"
#include "text/tools/literal.h"

namespace paddock::cli {
namespace {

constexpr const char* kParseToolsExamples = R"(Examples:
  echo '[get_time(zone="UTC")]' | paddock parse-tools --tools tools.json
  paddock parse-tools --tools request.json --text '{"name": "get_time", "parameters": {}}'
)";

struct ParseToolsOptions {
  std::string tools;
  std::optional<std::string> text;
  bool truncated = false;
};

// A request as it was sent will do, too.
Result<text::ToolSet> read_tools(const std::string& path) {
  const std::string file = TRY(read_input(path));
  const Json json = TRY(parse_json(file, path, {.repair_text = true, .exact_integers = true}));
  const bool is_request = json.is_object() && json.contains("tools");
  return text::ToolSet::from_json(is_request ? json["tools"] : json, path);
}

// The arguments are JSON text already, with integers of any length.
std::string json_of(const text::ParsedToolCalls& parsed) {
  std::string json = "{\"content\": ";
  text::tools::append_json_string(json, parsed.content);
  json += ", \"tool_calls\": [";
  bool is_first = true;
  for (const text::ToolCall& call : parsed.calls) {
    json += is_first ? "{\"name\": " : ", {\"name\": ";
    is_first = false;
    text::tools::append_json_string(json, call.name);
    json += ", \"arguments\": " + call.arguments + "}";
  }
  return json + "]}\n";
}

Result<void> parse_tools(const ParseToolsOptions& options) {
  const text::ToolSet tools = TRY(read_tools(options.tools));
  const std::string said = options.text ? *options.text : TRY(read_input("-"));
  return print(json_of(text::parse_tool_calls(said, tools, options.truncated)));
}

}  // namespace

void add_parse_tools_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<ParseToolsOptions>();
  CLI::App& command = *program.add_subcommand("parse-tools", "the tool calls in what a model said");
  command
      .add_option("--tools", options->tools,
                  "a JSON file with an array of tool definitions, or an object that has one as tools")
      ->required();
  command.add_option("--text", options->text, "what the model said; otherwise standard input");
  command.add_flag("--truncated", options->truncated, "the text was cut off at the limit of tokens");
  command.footer(kParseToolsExamples);
  command.callback([options, chosen] { *chosen = [options] { return parse_tools(*options); }; });
}

}  // namespace paddock::cli
