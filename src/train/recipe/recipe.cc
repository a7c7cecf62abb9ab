// SPDX-License-Identifier: Apache-2.0
#include "train/recipe/recipe.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/mapped_file.h"
#include "base/toml.h"
#include "train/recipe/fields.h"

namespace paddock::train {
namespace {

constexpr size_t kMostBytes = 1 << 20;
const std::string kSetting = "--set";

std::string text_of(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

// Sets fields from nodes; `source` names where a node stands.
class Setter {
 public:
  Setter(const toml::node& node, const Field& field, const std::string& source)
      : node_(node), field_(field), source_(source) {}

  Result<void> operator()(const TextField& field) const {
    if (!node_.is_string()) return wrong("a text");
    *field.value = node_.value_or(std::string());
    return {};
  }
  Result<void> operator()(const ListField& field) const {
    std::vector<std::string> texts;
    if (node_.is_string()) texts.push_back(node_.value_or(std::string()));
    const toml::array* list = node_.as_array();
    if (list == nullptr && texts.empty()) return wrong("a list of texts");
    if (list != nullptr)
      for (const toml::node& each : *list) {
        if (!each.is_string()) return wrong("a list of texts");
        texts.push_back(each.value_or(std::string()));
      }
    *field.value = texts;
    return {};
  }
  Result<void> operator()(const SwitchField& field) const {
    if (!node_.is_boolean()) return wrong("true or false");
    *field.value = node_.value_or(false);
    return {};
  }
  Result<void> operator()(const IntegerField& field) const {
    const auto value = node_.value<int64_t>();
    if (!node_.is_integer() || *value < field.least || *value > field.most)
      return wrong(fmt::format("an integer from {} to {}", field.least, field.most));
    *field.value = *value;
    return {};
  }
  Result<void> operator()(const NumberField& field) const {
    const auto value = node_.value<double>();
    if (!node_.is_number() || !std::isfinite(*value) || *value < field.least || *value > field.most)
      return wrong(fmt::format("a number from {} to {:.6g}", field.least, field.most));
    *field.value = *value;
    return {};
  }
  Result<void> operator()(const ChoiceField& field) const {
    const std::string name = node_.value_or(std::string());
    const auto found = std::ranges::find(field.choices, name, &Choice::name);
    if (!node_.is_string() || found == field.choices.end()) {
      std::vector<std::string_view> names;
      for (const Choice& each : field.choices) names.push_back(each.name);
      return wrong(fmt::format("one of {}", fmt::join(names, ", ")));
    }
    field.set(field.value, found->value);
    return {};
  }

 private:
  Result<void> wrong(const std::string& expected) const {
    return error(ErrorCode::kBadFile, "{}: {}: expected {}, found {}", source_, field_.name, expected, text_of(node_));
  }

  const toml::node& node_;
  const Field& field_;
  const std::string& source_;
};

std::string line_of(const std::string& source, const toml::node& node) {
  const auto line = node.source().begin.line;
  return line == 0 ? source : fmt::format("{}: line {}", source, line);
}

Result<void> set(const std::vector<Field>& fields, const std::string& name, const toml::node& node,
                 const std::string& source) {
  const std::string where = source == kSetting ? source : line_of(source, node);
  const auto field = std::ranges::find(fields, name, &Field::name);
  if (field == fields.end())
    return error(ErrorCode::kBadFile, "{}: {}: there is no such key (paddock train --keys lists them)", where, name);
  return std::visit(Setter(node, *field, where), field->place);
}

Result<void> set_all(const std::vector<Field>& fields, const toml::table& table, const std::string& prefix,
                     const std::string& source) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table(); inner != nullptr && prefix.empty())
      TRY_VOID(set_all(fields, *inner, name + ".", source));
    else
      TRY_VOID(set(fields, name, node, source));
  }
  return {};
}

// name=value, the value as TOML or, where it is none, a text.
Result<void> apply_setting(const std::vector<Field>& fields, const std::string& setting) {
  const size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    return error(ErrorCode::kInvalidArgument, "--set {}: expected KEY=VALUE, as in optimiser.rate=1e-4", setting);
  const std::string name = setting.substr(0, equals), value = setting.substr(equals + 1);
  const std::string source = "--set " + setting;
  if (const auto table = parse_toml("value = " + value + "\n", source); table && table->size() == 1)
    return set(fields, name, *table->get("value"), kSetting);
  return set(fields, name, toml::value<std::string>(value), kSetting);
}

Result<void> check(const Recipe& recipe, const std::string& source) {
  const auto wrong = [&](const char* key, const char* expected) {
    return error(ErrorCode::kBadFile, "{}: {}: expected {}", source, key, expected);
  };
  if (recipe.out.empty()) return wrong("out", "the folder that the job owns, found none");
  if (recipe.data.train.empty()) return wrong("data.train", "at least one file, found none");
  if (recipe.steps == 0 && recipe.epochs == 0) return wrong("steps", "steps or epochs, found neither");
  if (recipe.model.start.empty() == recipe.model.config.empty())
    return wrong("model", "either start, a checkpoint, or config, the shape of a new model");
  if (!recipe.model.config.empty() && recipe.model.tokenizer.empty())
    return wrong("model.tokenizer", "a tokenizer for the new model, found none");
  if (recipe.adapter.rank > 0 && recipe.model.start.empty())
    return wrong("adapter.rank", "0 for a model from nothing: an adapter needs a model that knows something");
  if (recipe.kind == JobKind::kPreference && recipe.model.start.empty())
    return wrong("model.start", "a checkpoint, which is the reference of preferences, found none");
  if (recipe.best && recipe.balance.bias_rate > 0)
    return wrong("best", "false with balance.bias_rate: the bias is gone at the end alone");
  return {};
}

struct Writer {
  std::string operator()(const TextField& field) const { return toml_text(*field.value); }
  std::string operator()(const ListField& field) const {
    std::string text;
    for (const std::string& each : *field.value) text += (text.empty() ? "" : ", ") + toml_text(each);
    return "[" + text + "]";
  }
  std::string operator()(const SwitchField& field) const { return *field.value ? "true" : "false"; }
  std::string operator()(const IntegerField& field) const { return std::to_string(*field.value); }
  std::string operator()(const NumberField& field) const {
    // All digits that tell it from its neighbours; TOML wants a point or an exponent.
    const std::string text = fmt::format("{}", *field.value);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  std::string operator()(const ChoiceField& field) const {
    const auto found = std::ranges::find(field.choices, field.get(field.value), &Choice::value);
    return toml_text(std::string(found->name));
  }
};

}  // namespace

Result<Recipe> parse_recipe(const std::string& text, const std::string& source,
                            const std::vector<std::string>& settings) {
  if (text.size() > kMostBytes)
    return error(ErrorCode::kBadFile, "{}: expected at most {} bytes, found {}", source, kMostBytes, text.size());
  Recipe recipe;
  const std::vector<Field> fields = fields_of(&recipe);
  const toml::table table = TRY(parse_toml(text, source));
  TRY_VOID(set_all(fields, table, "", source));
  for (const std::string& setting : settings) TRY_VOID(apply_setting(fields, setting));
  TRY_VOID(check(recipe, source));
  return recipe;
}

Result<Recipe> read_recipe(const std::string& path, const std::vector<std::string>& settings) {
  const std::string text = TRY(read_text_file(path, kMostBytes));
  return parse_recipe(text, path, settings);
}

std::string recipe_text(const Recipe& recipe) {
  Recipe copy = recipe;
  std::string text, section;
  for (const Field& field : fields_of(&copy)) {
    const size_t dot = field.name.find('.');
    const std::string of = dot == std::string_view::npos ? "" : std::string(field.name.substr(0, dot));
    if (of != section) text += fmt::format("\n[{}]\n", of);
    section = of;
    const std::string_view key = dot == std::string_view::npos ? field.name : field.name.substr(dot + 1);
    text += fmt::format("{} = {}  # {}\n", key, std::visit(Writer(), field.place), field.help);
  }
  return text;
}

}  // namespace paddock::train
