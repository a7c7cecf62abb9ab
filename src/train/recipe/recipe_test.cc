// SPDX-License-Identifier: Apache-2.0
#include "train/recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddock::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSmallRecipe = R"(
kind = "chat"
out = "runs/a"
steps = 10
[model]
start = "model.gguf"
[data]
train = ["a.jsonl", "b.jsonl"]
)";

std::string refusal_of_recipe(const std::string& text, const std::vector<std::string>& settings = {}) {
  const auto recipe = parse_recipe(text, "recipe.toml", settings);
  EXPECT_FALSE(recipe);
  return recipe ? "" : recipe.error().message;
}

TEST(Recipe, SaysWhatTheFileSaysAndDefaultsBeside) {
  const auto recipe = parse_recipe(kSmallRecipe, "recipe.toml");
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->kind, JobKind::kChat);
  EXPECT_EQ(recipe->steps, 10);
  EXPECT_THAT(recipe->data.train, ElementsAre("a.jsonl", "b.jsonl"));
  EXPECT_EQ(recipe->data.rows, DataRecipe().rows);
}

TEST(Recipe, SettingsGoBeforeTheFileWithAndWithoutQuotes) {
  const auto recipe = parse_recipe(kSmallRecipe, "recipe.toml",
                                   {"optimiser.rate=2e-5", "optimiser.schedule=wsd", "out=\"runs/b\"", "recompute=true",
                                    "steps=7", "adapter.targets=[\"q\", \"experts\"]", "data.train=c.jsonl"});
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_DOUBLE_EQ(recipe->optimiser.rate, 2e-5);
  EXPECT_EQ(recipe->optimiser.schedule, Schedule::kWarmupStableDecay);
  EXPECT_EQ(recipe->out, "runs/b");
  EXPECT_TRUE(recipe->recompute);
  EXPECT_EQ(recipe->steps, 7);
  EXPECT_THAT(recipe->adapter.targets, ElementsAre("q", "experts"));
  EXPECT_THAT(recipe->data.train, ElementsAre("c.jsonl"));
}

TEST(Recipe, WhatIsWrittenIsReadBackTheSame) {
  auto recipe = parse_recipe(kSmallRecipe, "recipe.toml",
                             {"optimiser.rate=0.00012345678901", "evaluate.prompts=[\"a \\\"b\\\"\\n\", \"ü\"]",
                              "watch.not_finite=rewind", "data.separator=\"\\n\\n\""});
  ASSERT_TRUE(recipe) << recipe.error().message;
  const std::string text = recipe_text(*recipe);
  const auto again = parse_recipe(text, "written");
  ASSERT_TRUE(again) << again.error().message << text;
  EXPECT_EQ(recipe_text(*again), text);
  EXPECT_EQ(again->optimiser.rate, recipe->optimiser.rate);
  EXPECT_EQ(again->evaluate.prompts, recipe->evaluate.prompts);
  EXPECT_EQ(again->data.separator, "\n\n");
}

TEST(Recipe, MistakesAreNamedWithTheirLine) {
  const std::string text = kSmallRecipe;
  EXPECT_THAT(refusal_of_recipe(text + "lenght = 4\n"),
              HasSubstr("recipe.toml: line 9: data.lenght: there is no such"));
  EXPECT_THAT(refusal_of_recipe(text + "length = \"4\"\n"), HasSubstr("data.length: expected an integer from 2"));
  EXPECT_THAT(refusal_of_recipe(text + "length = 1\n"), HasSubstr("found 1"));
  EXPECT_THAT(refusal_of_recipe(text + "[optimiser]\nschedule = \"cosinus\"\n"),
              HasSubstr("expected one of constant, linear, cosine, wsd, found 'cosinus'"));
  EXPECT_THAT(refusal_of_recipe(text + "[optimiser]\nrate = nan\n"), HasSubstr("optimiser.rate: expected a number"));
  EXPECT_THAT(refusal_of_recipe("kind = \"chat\"\nout = [\n"), HasSubstr("recipe.toml: line"));
  EXPECT_THAT(refusal_of_recipe(text, {"steps"}), HasSubstr("--set steps: expected KEY=VALUE"));
  EXPECT_THAT(refusal_of_recipe(text, {"stepz=4"}), HasSubstr("--set: stepz: there is no such key"));
  EXPECT_THAT(refusal_of_recipe(text, {"out="}), HasSubstr("out: expected the folder"));
}

TEST(Recipe, WhatMakesNoSenseTogetherIsRefused) {
  EXPECT_THAT(refusal_of_recipe(kSmallRecipe, {"model.config=config.json"}), HasSubstr("either start"));
  EXPECT_THAT(refusal_of_recipe(kSmallRecipe, {"steps=0"}), HasSubstr("steps or epochs"));
  EXPECT_THAT(refusal_of_recipe(kSmallRecipe, {"model.start=", "model.config=c.json"}), HasSubstr("model.tokenizer"));
  EXPECT_THAT(refusal_of_recipe(kSmallRecipe, {"best=true", "balance.bias_rate=0.001"}), HasSubstr("best"));
}

}  // namespace
}  // namespace paddock::train
