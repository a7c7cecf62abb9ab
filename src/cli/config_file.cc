// SPDX-License-Identifier: Apache-2.0
#include "cli/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "base/mapped_file.h"
#include "base/toml.h"

namespace paddock::cli {
namespace {

// A scalar as a command line would give it.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto text = node.value<std::string>(); node.is_string()) return text;
  if (node.is_boolean()) return *node.value<bool>() ? "true" : "false";
  if (node.is_integer()) return std::to_string(*node.value<int64_t>());
  if (node.is_floating_point()) return fmt::format("{}", *node.value<double>());
  return {};
}

Result<std::vector<std::string>> texts_of(const toml::node& node, const std::string& what) {
  std::vector<std::string> texts;
  if (const toml::array* list = node.as_array()) {
    for (const toml::node& element : *list) {
      const auto text = text_of(element);
      if (!text) return error(ErrorCode::kBadFile, "{}: expected a list of texts or numbers", what);
      texts.push_back(*text);
    }
  } else if (const auto text = text_of(node)) {
    texts.push_back(*text);
  } else {
    return error(ErrorCode::kBadFile, "{}: expected a text, a number, true, false or a list of them", what);
  }
  return texts;
}

bool is_flag(const CLI::Option& option) { return option.get_expected_max() == 0; }
bool is_list(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

std::vector<std::string> values_of(const CLI::Option& option) {
  if (option.count() > 0) return option.results();
  std::string text = option.get_default_str();
  if (text.empty() || text == "\"\"") return {};
  if (is_list(option) && text.starts_with('[')) text = text.substr(1, text.size() - 2);
  return {text};
}

}  // namespace

Result<void> apply_config_file(CLI::App& command, const std::string& path) {
  const toml::table table = TRY(parse_toml(TRY(read_text_file(path)), path));
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::string what = fmt::format("{}: line {}: {}", path, node.source().begin.line, name);
    CLI::Option* option = command.get_option_no_throw("--" + name);
    if (option == nullptr || !option->get_configurable())
      return error(ErrorCode::kBadFile, "{}: there is no such option (see --help)", what);
    const std::vector<std::string> texts = TRY(texts_of(node, what));
    if (option->count() > 0) continue;  // the command line and the environment go before the file
    option->add_result(texts);
    option->run_callback();
  }
  return {};
}

std::string config_text(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty() || !option->get_configurable()) continue;
    const std::string& name = option->get_lnames().front();
    const std::vector<std::string> values = values_of(*option);
    text += "# " + option->get_description() + "\n";
    if (is_flag(*option)) {
      text += fmt::format("{} = {}\n", name, option->count() > 0 && values.back() != "false");
      continue;
    }
    std::vector<std::string> written;
    const bool is_number = option->get_type_name().find("INT") == 0 || option->get_type_name().find("UINT") == 0 ||
                           option->get_type_name().find("FLOAT") == 0;
    for (const std::string& value : values) written.push_back(is_number ? value : toml_text(value));
    if (written.empty())
      text += fmt::format("# {} =\n", name);
    else if (is_list(*option))
      text += fmt::format("{} = [{}]\n", name, fmt::join(written, ", "));
    else
      text += fmt::format("{} = {}\n", name, written.back());
  }
  return text;
}

}  // namespace paddock::cli
