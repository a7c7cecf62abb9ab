// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a job of training makes at its end: an adapter for PEFT, a Hugging Face folder, GGUF files.

#include <string>
#include <vector>

#include "cli/open_model.h"
#include "train/recipe/recipe.h"
#include "train/workbench.h"

namespace paddock::cli {

struct TrainedParts {
  const train::Workbench* bench = nullptr;
  const OpenModel* open = nullptr;       // what the job started from; null: from nothing
  const llama4::Model* start = nullptr;  // its weights
  const ModelText* text = nullptr;
  std::string tokenizer;  // where it came from, for a model from nothing
  int threads = 0;
};

// Whether `exports` says what can be made: "peft", "hf", "hf:f32", "gguf:q8_0", … Called before the work.
Result<void> check_exports(const train::Recipe& recipe);

// Paths of what was made: out/adapter, or out/model and out/model-q8_0.gguf. An adapter is written always, the folder
// of a model that was trained whole too.
Result<std::vector<std::string>> write_trained(const train::Recipe& recipe, const TrainedParts& parts);

}  // namespace paddock::cli
