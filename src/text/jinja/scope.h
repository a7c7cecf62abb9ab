// SPDX-License-Identifier: Apache-2.0
#pragma once
// The variables that a statement sees: its own scope, then those around it in the text of the template.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace paddock::text::jinja {

class Scope;
using ScopePtr = std::shared_ptr<Scope>;

class Scope {
 public:
  explicit Scope(ScopePtr parent) : parent_(std::move(parent)) {}

  const Value* find(uint32_t name) const {  // the innermost of this name; null when none was set
    for (const Scope* scope = this; scope; scope = scope->parent_.get())
      for (const auto& [variable, value] : scope->variables_)
        if (variable == name) return &value;
    return nullptr;
  }

  void set(uint32_t name, Value value) {  // in this scope; those around it keep theirs
    for (auto& [variable, old] : variables_) {
      if (variable != name) continue;
      old = std::move(value);
      return;
    }
    variables_.emplace_back(name, std::move(value));
  }

 private:
  ScopePtr parent_;
  std::vector<std::pair<uint32_t, Value>> variables_;
};

}  // namespace paddock::text::jinja
