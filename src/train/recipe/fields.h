// SPDX-License-Identifier: Apache-2.0
#pragma once
// The keys of a recipe: one table for reading, writing and describing them.

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "train/recipe/recipe.h"

namespace paddock::train {

struct Choice {
  std::string_view name;
  int value = 0;
};

struct TextField {
  std::string* value;
};
struct ListField {
  std::vector<std::string>* value;
};
struct SwitchField {
  bool* value;
};
struct IntegerField {
  int64_t* value;
  int64_t least = 0, most = std::numeric_limits<int64_t>::max();
};
struct NumberField {
  double* value;
  double least = 0, most = std::numeric_limits<double>::max();
};
struct ChoiceField {
  std::span<const Choice> choices;
  int (*get)(const void*);
  void (*set)(void*, int);
  void* value;
};

struct Field {
  std::string_view name;  // "optimiser.rate"
  std::string_view help;
  std::variant<TextField, ListField, SwitchField, IntegerField, NumberField, ChoiceField> place;
};

// Of this recipe, in the order in which a file shows them; keys without a dot come first.
std::vector<Field> fields_of(Recipe* recipe);

}  // namespace paddock::train
