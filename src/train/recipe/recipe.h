// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a training job is to do, as a TOML file says it. Everything has a default but the kind of the job, what it
// starts from and what it reads.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace paddock::train {

// kPretrain   all tokens of texts, from nothing or from a checkpoint
// kChat       what the assistant says in conversations
// kPreference answers that were chosen rather than those that were rejected
// kDistil     what a teacher's record says of each token
enum class JobKind : uint8_t { kPretrain, kChat, kPreference, kDistil };

enum class Schedule : uint8_t { kConstant, kLinear, kCosine, kWarmupStableDecay };
enum class Precision : uint8_t { kF32, kBf16 };
enum class MomentFormat : uint8_t { kF32, kQ8 };
enum class OnTrouble : uint8_t { kStop, kRewind, kGoOn };
enum class BadLines : uint8_t { kStop, kSkip };

struct ModelRecipe {
  std::string start;        // a checkpoint to go on from; empty: from nothing, with the shape of `config`
  std::string config;       // a config.json, or the folder that holds one
  std::string tokenizer;    // a folder or a GGUF file; empty: that of `start`
  double deviation = 0.02;  // of weights before any training
};

// Low-rank updates of a model that stays as it is. Rank 0: the weights themselves are trained.
struct AdapterRecipe {
  int64_t rank = 0;
  double alpha = 0;  // 0: twice the rank
  std::vector<std::string> targets = {"attention", "mlp", "experts"};
  std::string start;  // an adapter to go on from
};

struct DataRecipe {
  std::vector<std::string> train;     // files, or one folder with a record for a distillation
  std::vector<std::string> held_out;  // empty: a share of the training data
  double held_out_share = 0.02;
  int64_t length = 512;    // tokens of a row
  int64_t rows = 8;        // of a batch
  int64_t accumulate = 1;  // batches of a step
  BadLines bad_lines = BadLines::kStop;
  std::string separator;  // of the texts of a plain file; empty: a file is one text
  int64_t shard_tokens = int64_t{1} << 24;
};

struct OptimiserRecipe {
  double rate = 3e-4;
  Schedule schedule = Schedule::kCosine;
  int64_t warm_up = 0;       // steps
  double last_rate = 0.1;    // what is left of the rate at the end
  double decay_share = 0.2;  // of all steps, at the end of wsd
  double decay = 0.1;
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double clip = 1;
  MomentFormat moments = MomentFormat::kF32;
  double average = 0;  // of weights over steps (EMA): what is left of the past at each; 0: none
};

struct BalanceRecipe {
  double aux = 0, z = 0;   // weights of losses
  double bias_rate = 0;    // of the loss-free bias on the choice
  double starving = 0.02;  // an expert is reported below this share of what it would get by turns
};

struct DistilRecipe {
  double temperature = 1;
  double alpha = -1;  // weight of the teacher, from 0 to 1; below 0: by the rule (docs/distil.md)
};

struct CheckpointRecipe {
  int64_t every = 200;  // steps
  int64_t keep = 2;     // the newest; the best by held-out loss is kept beside them
};

struct EvaluateRecipe {
  int64_t every = 100;   // steps; 0: only at the end
  int64_t batches = 16;  // at most
  std::vector<std::string> prompts;
  int64_t sample_tokens = 48;
};

struct WatchRecipe {
  OnTrouble not_finite = OnTrouble::kStop;
  double spike = 0;  // a loss so many times the running mean is one; 0: not looked for
  OnTrouble on_spike = OnTrouble::kRewind;
  int64_t rewinds = 3;  // at most
};

struct Recipe {
  JobKind kind = JobKind::kPretrain;
  std::string out;  // the folder that the job owns
  int64_t steps = 0;
  int64_t epochs = 0;  // where steps is 0
  int64_t seed = 1;
  Precision precision = Precision::kF32;
  bool recompute = false;
  double preference_beta = 0.1;
  std::vector<std::string> exports;  // of the end: "hf", "gguf:q8_0", …
  bool best = false;                 // they are of the checkpoint with the least held-out loss, not of the last
  ModelRecipe model;
  AdapterRecipe adapter;
  DataRecipe data;
  OptimiserRecipe optimiser;
  BalanceRecipe balance;
  DistilRecipe distil;
  CheckpointRecipe checkpoint;
  EvaluateRecipe evaluate;
  WatchRecipe watch;

  bool trains_adapter() const { return adapter.rank > 0 || !adapter.start.empty(); }
};

// `source` names the text in errors. `settings`, "optimiser.rate=1e-4", go before what the text says; a value that is
// no TOML is taken as a text. Paths are relative to the working folder.
Result<Recipe> parse_recipe(const std::string& text, const std::string& source,
                            const std::vector<std::string>& settings = {});
Result<Recipe> read_recipe(const std::string& path, const std::vector<std::string>& settings = {});

// All of it as such a file, with what each key is as a comment.
std::string recipe_text(const Recipe& recipe);

}  // namespace paddock::train
