// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/arguments.h"

#include <algorithm>

#include "text/jinja/number.h"

namespace paddock::text::jinja {

const Value* Arguments::find(std::string_view name) const {
  for (const auto& [keyword_name, value] : keyword)
    if (keyword_name == name) return &value;
  return nullptr;
}

Result<Bound> Bound::bind(std::string_view function, const Arguments& arguments,
                          std::initializer_list<std::string_view> parameters, size_t required) {
  Bound bound;
  bound.function_ = function;
  bound.parameters_ = parameters;
  bound.values_.assign(parameters.size(), nullptr);
  if (arguments.positional.size() > parameters.size())
    return failure("{} takes at most {} arguments, not {}", function, parameters.size(), arguments.positional.size());
  for (size_t index = 0; index < arguments.positional.size(); ++index)
    bound.values_[index] = &arguments.positional[index];
  for (const auto& [name, value] : arguments.keyword) {
    const auto found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) return failure("{} takes no argument named {}", function, name);
    const Value*& slot = bound.values_[static_cast<size_t>(found - parameters.begin())];
    if (slot) return failure("{} is given {} twice", function, name);
    slot = &value;
  }
  for (size_t index = 0; index < required; ++index)
    if (!bound.values_[index]) return failure("{} needs an argument: {}", function, bound.parameters_[index]);
  return bound;
}

bool Bound::is_true_at(size_t parameter, bool fallback) const {
  return get(parameter) ? is_true(*get(parameter)) : fallback;
}

Result<int64_t> Bound::index_or(size_t parameter, int64_t fallback) const {
  const Value* value = get(parameter);
  if (!value || value->is<None>()) return fallback;
  TRY_VOID(check_defined(*value));
  if (!integer_of(*value))
    return failure("{} of {} must be an integer, not {}", parameters_[parameter], function_, type_name(*value));
  return to_index(*value, parameters_[parameter]);
}

Result<const Text*> Bound::text_or_null(size_t parameter) const {
  const Value* value = get(parameter);
  if (!value || value->is<None>()) return nullptr;
  return text(parameter);
}

Result<const Text*> Bound::text(size_t parameter) const {
  const Value& value = *values_[parameter];
  TRY_VOID(check_defined(value));
  if (const Text* found = value.text()) return found;
  return failure("{} of {} must be a text, not {}", parameters_[parameter], function_, type_name(value));
}

}  // namespace paddock::text::jinja
