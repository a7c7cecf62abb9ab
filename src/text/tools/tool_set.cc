// SPDX-License-Identifier: Apache-2.0
#include "text/tools/tool_set.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace paddock::text {
namespace {

const Json* member(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? &*found : nullptr;
}

std::vector<std::string> parameter_names(const Json& definition) {
  std::vector<std::string> names;
  for (const char* key : {"parameters", "input_schema"}) {
    const Json* schema = member(definition, key);
    const Json* properties = schema == nullptr ? nullptr : member(*schema, "properties");
    if (properties == nullptr || !properties->is_object()) continue;
    for (const auto& property : properties->items()) names.push_back(property.key());
    break;
  }
  return names;
}

}  // namespace

ToolSet::ToolSet(std::vector<Tool> tools) : tools_(std::move(tools)) {
  std::erase_if(tools_, [](const Tool& tool) { return tool.name.empty(); });
  std::stable_sort(tools_.begin(), tools_.end(), [](const Tool& a, const Tool& b) { return a.name < b.name; });
  const auto same_name = [](const Tool& a, const Tool& b) { return a.name == b.name; };
  tools_.erase(std::unique(tools_.begin(), tools_.end(), same_name), tools_.end());
}

Result<ToolSet> ToolSet::from_json(const Json& definitions, std::string_view source) {
  if (definitions.is_null()) return ToolSet();
  if (!definitions.is_array())
    return error(ErrorCode::kBadFile, "{}: expected an array of tools, found {}", source, definitions.type_name());
  std::vector<Tool> tools;
  for (const Json& item : definitions) {
    if (item.is_string()) {
      tools.push_back({item.get<std::string>(), {}});
      continue;
    }
    const Json* function = member(item, "function");
    const Json& definition = function != nullptr ? *function : item;
    const Json* name = member(definition, "name");
    if (name == nullptr || !name->is_string())
      return error(ErrorCode::kBadFile, "{}: tool {}: expected an object with a string \"name\", found {}", source,
                   tools.size(), name == nullptr ? "none" : name->type_name());
    tools.push_back({name->get<std::string>(), parameter_names(definition)});
  }
  return ToolSet(std::move(tools));
}

namespace tools {

bool NamePrefix::advance(char byte) {
  const auto at = [&](size_t index) -> int {
    const std::string& name = (*tools_)[index].name;
    return length_ < name.size() ? static_cast<unsigned char>(name[length_]) : -1;
  };
  const auto first_not_below = [&](int value) {
    size_t low = begin_, high = end_;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (at(middle) < value)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  const int value = static_cast<unsigned char>(byte);
  const size_t begin = first_not_below(value);
  end_ = first_not_below(value + 1);
  begin_ = begin;
  ++length_;
  return is_possible();
}

const Tool* NamePrefix::found() const {
  return is_possible() && (*tools_)[begin_].name.size() == length_ ? &(*tools_)[begin_] : nullptr;
}

}  // namespace tools
}  // namespace paddock::text
