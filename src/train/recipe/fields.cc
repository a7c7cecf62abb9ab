// SPDX-License-Identifier: Apache-2.0
#include "train/recipe/fields.h"

namespace paddock::train {
namespace {

constexpr int64_t kMostSteps = int64_t{1} << 40;

constexpr Choice kKinds[] = {{"pretrain", static_cast<int>(JobKind::kPretrain)},
                             {"chat", static_cast<int>(JobKind::kChat)},
                             {"preference", static_cast<int>(JobKind::kPreference)},
                             {"distil", static_cast<int>(JobKind::kDistil)}};
constexpr Choice kSchedules[] = {{"constant", static_cast<int>(Schedule::kConstant)},
                                 {"linear", static_cast<int>(Schedule::kLinear)},
                                 {"cosine", static_cast<int>(Schedule::kCosine)},
                                 {"wsd", static_cast<int>(Schedule::kWarmupStableDecay)}};
constexpr Choice kPrecisions[] = {{"f32", static_cast<int>(Precision::kF32)},
                                  {"bf16", static_cast<int>(Precision::kBf16)}};
constexpr Choice kMoments[] = {{"f32", static_cast<int>(MomentFormat::kF32)},
                               {"q8", static_cast<int>(MomentFormat::kQ8)}};
constexpr Choice kTroubles[] = {{"stop", static_cast<int>(OnTrouble::kStop)},
                                {"rewind", static_cast<int>(OnTrouble::kRewind)},
                                {"go-on", static_cast<int>(OnTrouble::kGoOn)}};
constexpr Choice kBadLines[] = {{"stop", static_cast<int>(BadLines::kStop)},
                                {"skip", static_cast<int>(BadLines::kSkip)}};

template <typename Enum>
ChoiceField choice(std::span<const Choice> choices, Enum* value) {
  return {choices, [](const void* at) { return static_cast<int>(*static_cast<const Enum*>(at)); },
          [](void* at, int chosen) { *static_cast<Enum*>(at) = static_cast<Enum>(chosen); }, value};
}

}  // namespace

std::vector<Field> fields_of(Recipe* r) {
  return {
      {"kind", "pretrain, chat, preference or distil", choice(kKinds, &r->kind)},
      {"out", "the folder of the job: log, checkpoints, what it makes", TextField{&r->out}},
      {"steps", "of the optimiser; 0: as many as `epochs` take", IntegerField{&r->steps, 0, kMostSteps}},
      {"epochs", "times that all data is read, where steps is 0", IntegerField{&r->epochs, 0, kMostSteps}},
      {"seed", "of weights, order of data and samples", IntegerField{&r->seed}},
      {"precision", "of products: f32 or bf16; weights are always f32", choice(kPrecisions, &r->precision)},
      {"recompute", "less memory, a third more time", SwitchField{&r->recompute}},
      {"preference_beta", "how far a preferred answer may move from the reference",
       NumberField{&r->preference_beta, 1e-6, 1e3}},
      {"exports", "what is made at the end: hf, gguf:q8_0, gguf:q4_k, …; of an adapter peft", ListField{&r->exports}},
      {"best", "these are of the least held-out loss, not of the end", SwitchField{&r->best}},

      {"model.start", "a checkpoint to go on from; empty: from nothing, with model.config", TextField{&r->model.start}},
      {"model.config", "a config.json, for a model from nothing", TextField{&r->model.config}},
      {"model.tokenizer", "a folder or GGUF file; empty: that of model.start", TextField{&r->model.tokenizer}},
      {"model.deviation", "of weights before any training", NumberField{&r->model.deviation, 1e-6, 1}},

      {"adapter.rank", "of low-rank updates; 0: the weights themselves are trained",
       IntegerField{&r->adapter.rank, 0, 1024}},
      {"adapter.alpha", "updates are scaled by alpha / rank; 0: twice the rank", NumberField{&r->adapter.alpha}},
      {"adapter.targets", "attention, mlp (with shared experts), experts, head, or q k v o gate up down",
       ListField{&r->adapter.targets}},
      {"adapter.start", "an adapter to go on from", TextField{&r->adapter.start}},

      {"data.train", "files: JSONL, or plain text; of a distillation the folder of a record",
       ListField{&r->data.train}},
      {"data.held_out", "the same, for evaluation", ListField{&r->data.held_out}},
      {"data.held_out_share", "of the training data, where there is none",
       NumberField{&r->data.held_out_share, 0, 0.5}},
      {"data.length", "tokens of a row", IntegerField{&r->data.length, 2, 1 << 22}},
      {"data.rows", "of a batch", IntegerField{&r->data.rows, 1, 1 << 16}},
      {"data.accumulate", "batches of a step", IntegerField{&r->data.accumulate, 1, 1 << 16}},
      {"data.bad_lines", "stop or skip", choice(kBadLines, &r->data.bad_lines)},
      {"data.separator", "between the texts of a plain file; empty: a file is one text", TextField{&r->data.separator}},
      {"data.shard_tokens", "of a file of tokenised data", IntegerField{&r->data.shard_tokens, 1024, int64_t{1} << 30}},

      {"optimiser.rate", "at its highest", NumberField{&r->optimiser.rate, 0, 10}},
      {"optimiser.schedule", "constant, linear, cosine or wsd (steady, then linear)",
       choice(kSchedules, &r->optimiser.schedule)},
      {"optimiser.warm_up", "steps", IntegerField{&r->optimiser.warm_up, 0, kMostSteps}},
      {"optimiser.last_rate", "what is left of the rate at the end", NumberField{&r->optimiser.last_rate, 0, 1}},
      {"optimiser.decay_share", "of all steps, at the end of wsd", NumberField{&r->optimiser.decay_share, 0, 1}},
      {"optimiser.decay", "of matrices", NumberField{&r->optimiser.decay, 0, 10}},
      {"optimiser.beta1", "of the mean", NumberField{&r->optimiser.beta1, 0, 0.9999999}},
      {"optimiser.beta2", "of the mean square", NumberField{&r->optimiser.beta2, 0, 0.9999999}},
      {"optimiser.epsilon", "added to the root", NumberField{&r->optimiser.epsilon, 1e-30, 1}},
      {"optimiser.clip", "longest gradient; 0: any", NumberField{&r->optimiser.clip}},
      {"optimiser.moments", "f32, or q8: a quarter of the memory", choice(kMoments, &r->optimiser.moments)},
      {"optimiser.average", "of weights over steps (EMA), 0.999; 0: none",
       NumberField{&r->optimiser.average, 0, 0.9999999}},

      {"balance.aux", "weight of the loss that keeps experts evenly used", NumberField{&r->balance.aux}},
      {"balance.z", "weight of the loss that keeps router scores small", NumberField{&r->balance.z}},
      {"balance.bias_rate", "of a bias on the choice of experts that follows their use",
       NumberField{&r->balance.bias_rate, 0, 1}},
      {"balance.starving", "experts below this share of their turn are reported",
       NumberField{&r->balance.starving, 0, 1}},

      {"distil.temperature", "of teacher and student", NumberField{&r->distil.temperature, 0.01, 100}},
      {"distil.alpha", "weight of the teacher; below 0: by the rule", NumberField{&r->distil.alpha, -1, 1}},

      {"checkpoint.every", "steps", IntegerField{&r->checkpoint.every, 1, kMostSteps}},
      {"checkpoint.keep", "the newest; the best is kept beside them", IntegerField{&r->checkpoint.keep, 1, 1000}},

      {"evaluate.every", "steps; 0: only at the end", IntegerField{&r->evaluate.every, 0, kMostSteps}},
      {"evaluate.batches", "at most", IntegerField{&r->evaluate.batches, 0, kMostSteps}},
      {"evaluate.prompts", "that the model goes on with", ListField{&r->evaluate.prompts}},
      {"evaluate.sample_tokens", "of each prompt's sample", IntegerField{&r->evaluate.sample_tokens, 1, 4096}},

      {"watch.not_finite", "stop, rewind (to the last checkpoint, leaving the batch out) or go-on (without the step)",
       choice(kTroubles, &r->watch.not_finite)},
      {"watch.spike", "a loss so many times the running mean is one; 0: not looked for", NumberField{&r->watch.spike}},
      {"watch.on_spike", "the same choices", choice(kTroubles, &r->watch.on_spike)},
      {"watch.rewinds", "at most", IntegerField{&r->watch.rewinds, 0, 1000}},
  };
}

}  // namespace paddock::train
