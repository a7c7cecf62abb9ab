// SPDX-License-Identifier: Apache-2.0
// Any bytes are a recipe or an error, and what is a recipe is written and read back the same.

#include <cstdint>
#include <string>

#include "base/check.h"
#include "train/recipe/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace paddock::train;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto recipe = parse_recipe(text, "fuzz");
  if (recipe) {
    const std::string written = recipe_text(*recipe);
    const auto again = parse_recipe(written, "written");
    CHECK(again && recipe_text(*again) == written);
  } else {
    CHECK(!recipe.error().message.empty());
  }
  const size_t line = text.find('\n');
  (void)parse_recipe("", "fuzz", {text.substr(0, line)});
  return 0;
}
