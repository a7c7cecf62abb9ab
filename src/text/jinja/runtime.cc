// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/runtime.h"

#include <algorithm>

namespace paddock::text::jinja {

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [attribute, value] : attributes)
    if (attribute == name) return &value;
  return nullptr;
}

Result<void> Namespace::set(std::string name, Value value, Budget& budget) {
  if (name.starts_with('_'))
    return failure("a namespace cannot hold {}: names with an underscore first are kept back", name);
  TRY_VOID(budget.spend(1 + attributes.size()));
  for (auto& [attribute, old] : attributes) {
    if (attribute != name) continue;
    old = std::move(value);
    return {};
  }
  TRY_VOID(budget.build(sizeof attributes[0] + name.size()));
  attributes.emplace_back(std::move(name), std::move(value));
  return {};
}

Result<Value> make_generator(std::vector<Value> items, Runtime& runtime, std::optional<Error> failed) {
  TRY_VOID(runtime.budget.build(items.size() * sizeof(Value)));
  return Value(
      static_cast<Object*>(TRY(runtime.heap.make<Generator>(runtime.budget, std::move(items), std::move(failed)))));
}

Result<bool> Loop::advance() {
  const Value* next = TRY(peek());
  if (!next) return false;
  previous = std::move(current);
  current = std::move(ahead.back());
  ahead.pop_back();
  ++index;
  return true;
}

Result<const Value*> Loop::peek() {
  if (ahead.empty() && !exhausted) {
    std::optional<Value> next = TRY(source());
    if (next)
      ahead.push_back(std::move(*next));
    else
      exhausted = true;
  }
  return ahead.empty() ? nullptr : &ahead.back();
}

Result<int64_t> Loop::length(Budget& budget) {
  if (known_length) return *known_length;
  std::reverse(ahead.begin(), ahead.end());
  while (!exhausted) {
    std::optional<Value> next = TRY(source());
    if (!next) {
      exhausted = true;
      break;
    }
    TRY_VOID(budget.build(sizeof(Value)));
    ahead.push_back(std::move(*next));
  }
  std::reverse(ahead.begin(), ahead.end());
  known_length = index + static_cast<int64_t>(ahead.size());
  return *known_length;
}

Result<bool> Loop::changed(std::vector<Value> values, Budget& budget) {
  Value seen = TRY(make_tuple(std::move(values), budget));
  if (last_seen && TRY(are_equal(*last_seen, seen, budget))) return false;
  last_seen = std::move(seen);
  return true;
}

}  // namespace paddock::text::jinja
