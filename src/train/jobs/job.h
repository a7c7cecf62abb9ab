// SPDX-License-Identifier: Apache-2.0
#pragma once
// A recipe at work: steps, evaluations, checkpoints, and what is to be done when something goes wrong.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "train/choice_bias.h"
#include "train/data/read_files.h"
#include "train/jobs/checkpoints.h"
#include "train/jobs/expert_use.h"
#include "train/jobs/job_log.h"
#include "train/jobs/lessons.h"
#include "train/optimiser.h"
#include "train/pass.h"
#include "train/recipe/recipe.h"
#include "train/workbench.h"

namespace paddock::train {

// What a job works with and does not make; all of it outlives the job.
struct JobParts {
  kernels::Machine* machine = nullptr;
  kernels::Trainer* trainer = nullptr;
  const llama4::Config* config = nullptr;
  const llama4::Model* start = nullptr;  // null: from nothing
  std::string start_identity;            // of its weights
  std::string prefix;                    // before its parameters' names
  const text::Tokenizer* tokenizer = nullptr;
  const text::ChatTemplate* chat = nullptr;
  std::vector<int32_t> stop_tokens;  // that end what it says
  int threads = 0;
  double limit_gflop_s = 0;  // what the machine can do at most; 0: unknown
};

// Bytes that a job takes, by what for.
struct JobMemory {
  size_t weights = 0;  // with their gradients
  size_t optimiser = 0;
  size_t activations = 0;
  size_t start = 0;    // of the file that it starts from
  size_t passing = 0;  // for a while, when it begins
  size_t total() const { return weights + optimiser + activations + start + passing; }
};

struct StepReport {
  int64_t step = 0, steps = 0, epoch = 0;
  LessonResult lesson;
  double gradient_norm = 0, rate = 0;
  double seconds = 0, tokens_per_s = 0, gflop_s = 0;
  double imbalance = 0;     // of the layer whose experts are used least evenly since the last evaluation; 0: none
  double seconds_left = 0;  // by the pace so far
};

struct Sample {
  std::string prompt, text;
};

struct EvaluationReport {
  int64_t step = 0;
  std::optional<LessonResult> held_out;
  std::vector<Sample> samples;
  std::vector<StarvingExpert> starving;
};

class JobListener {
 public:
  virtual ~JobListener() = default;
  virtual void note(const std::string& sentence) = 0;
  virtual void read_data(int64_t bytes, int64_t of) = 0;
  virtual void stepped(const StepReport& report) = 0;
  virtual void evaluated(const EvaluationReport& report) = 0;
  virtual void saved(int64_t step) = 0;
};

class Job {
 public:
  static Result<JobMemory> plan(const Recipe& recipe, const llama4::Config& config);

  // Makes the folder, reads the data, takes the memory. A folder that holds a job already is refused unless `resume`,
  // and one without a checkpoint then begins anew.
  static Result<std::unique_ptr<Job>> create(const Recipe& recipe, const JobParts& parts, bool resume,
                                             JobListener* listener);

  // To the last step, or to the end of the step in which `is_interrupted` came true: then a checkpoint is written.
  // True: to the last.
  Result<bool> run(const std::function<bool()>& is_interrupted);

  // What became of it, as the recipe wants it: the last weights, their mean, or the best ones. Lies where training has
  // them from then on.
  Result<void> take_result();
  const Workbench& bench() const { return *bench_; }
  int64_t step() const { return state_.step; }
  int64_t steps() const { return steps_; }

 private:
  Job(const Recipe& recipe, const JobParts& parts, JobListener* listener);

  Result<void> read_data();
  Result<std::unique_ptr<Lessons>> make_lessons();
  Result<void> make_bench();
  Result<void> begin(bool resume);
  Result<void> take_step();
  // What is done instead of the step; false: the step counts as done without it.
  Result<void> handle(const struct Trouble& trouble, const LessonResult& lesson);
  Result<std::string> keep_batches(const LessonResult& lesson) const;
  void balance(const LessonResult& lesson);
  void use_bias();
  void report(const LessonResult& lesson, double norm, double rate, double seconds);
  Result<void> evaluate();
  std::vector<Sample> samples();
  void save();
  std::filesystem::path path(const char* name) const { return std::filesystem::path(recipe_.out) / name; }

  const Recipe recipe_;
  const JobParts parts_;
  JobListener& listener_;
  ExampleTokeniser tokeniser_;
  Checkpoints checkpoints_;
  std::optional<TokenStore> train_, held_out_;
  std::unique_ptr<Lessons> lessons_;
  std::unique_ptr<Workbench> bench_;
  std::optional<Optimiser> optimiser_;
  std::optional<Pass> pass_;
  std::optional<JobLog> log_;

  JobState state_;
  int64_t steps_ = 0;
  int64_t rewinds_ = 0;
  int64_t saved_step_ = -1;
  std::vector<std::vector<float>> bias_;  // on the choice of experts, as it counts now
  ExpertUse use_;
  double seconds_ = 0;  // of the steps of this run
  int64_t steps_run_ = 0;
};

}  // namespace paddock::train
