// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/job.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/new_file.h"
#include "text/tokenizer_identity.h"
#include "train/batch_file.h"
#include "train/jobs/distil_lessons.h"
#include "train/jobs/preference_lessons.h"
#include "train/jobs/say.h"
#include "train/jobs/schedule.h"
#include "train/jobs/text_lessons.h"
#include "train/jobs/trouble.h"
#include "train/jobs/work_of_token.h"

namespace paddock::train {
namespace {

namespace fs = std::filesystem;

// Rows of logits that are computed at once.
constexpr int64_t kLogitsRows = 128;
// Of all steps, at the end: the time in which a bias on the choice goes back to nothing, so that the weights alone
// choose when they are used.
constexpr double kBiasFades = 0.2;
constexpr int64_t kStepsBeforeSpikes = 20;

std::optional<NewAdapter> new_adapter_of(const Recipe& recipe) {
  if (recipe.adapter.rank == 0 || !recipe.adapter.start.empty()) return {};
  const auto rank = static_cast<double>(recipe.adapter.rank);
  return NewAdapter{.rank = recipe.adapter.rank,
                    .alpha = recipe.adapter.alpha > 0 ? recipe.adapter.alpha : 2 * rank,
                    .targets = recipe.adapter.targets,
                    .seed = static_cast<uint64_t>(recipe.seed)};
}

Result<Adapter> adapter_of(const Recipe& recipe, const ParameterList& list) {
  std::vector<float> values;
  if (const auto wishes = new_adapter_of(recipe)) return new_adapter(list, *wishes, &values);
  return Adapter::read(recipe.adapter.start, list, &values);
}

OptimiserWishes optimiser_wishes(const OptimiserRecipe& recipe) {
  return {.beta1 = recipe.beta1,
          .beta2 = recipe.beta2,
          .epsilon = recipe.epsilon,
          .decay = recipe.decay,
          .most_norm = recipe.clip,
          .moments = recipe.moments == MomentFormat::kQ8 ? kernels::MomentFormat::kBytes : kernels::MomentFormat::kF32,
          .average = recipe.average};
}

int64_t batch_tokens(const Recipe& recipe) {
  // An odd number of rows has no pairs.
  const int64_t rows =
      recipe.kind == JobKind::kPreference ? std::max<int64_t>(2, recipe.data.rows / 2 * 2) : recipe.data.rows;
  return rows * recipe.data.length;
}

TapeWishes tape_wishes(const Recipe& recipe, int64_t rank) {
  return {.tokens = batch_tokens(recipe),
          .logits_rows = std::min(kLogitsRows, batch_tokens(recipe)),
          .rank = rank,
          .recompute = recipe.recompute};
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  NewFile file = TRY(NewFile::create(path));
  TRY_VOID(file.write(text));
  return file.commit();
}

Json experts_json(const std::vector<std::vector<int64_t>>& tokens) {
  Json json = Json::object();
  for (size_t layer = 0; layer < tokens.size(); ++layer)
    if (!tokens[layer].empty()) json[std::to_string(layer)] = tokens[layer];
  return json;
}

}  // namespace

Result<JobMemory> Job::plan(const Recipe& recipe, const llama4::Config& config) {
  const ParameterList list = ParameterList::of(config);
  const bool frozen = recipe.trains_adapter();
  JobMemory memory;
  memory.weights = Workbench::bytes(list, frozen);
  std::vector<TrainedTensor> tensors;
  int64_t rank = 0;
  if (frozen) {
    const Adapter adapter = TRY(adapter_of(recipe, list));
    rank = adapter.rank();
    memory.weights += 2 * static_cast<size_t>(adapter.floats()) * sizeof(float);
    for (const AdapterTensor& each : adapter.tensors())
      tensors.push_back({each.name, {}, each.offset, each.count, true});
  } else {
    // The block is filled in the program's own memory and then handed over.
    memory.passing = static_cast<size_t>(list.floats()) * sizeof(float);
    for (const Parameter& each : list.all()) tensors.push_back({each.name, {}, each.offset, each.count, each.decays});
  }
  memory.optimiser = Optimiser::bytes(tensors, optimiser_wishes(recipe.optimiser));
  memory.activations = Pass::bytes(config, tape_wishes(recipe, rank));
  // What follows takes the place of what went.
  memory.passing -= std::min(memory.passing, memory.optimiser + memory.activations);
  return memory;
}

Job::Job(const Recipe& recipe, const JobParts& parts, JobListener* listener)
    : recipe_(recipe),
      parts_(parts),
      listener_(*listener),
      tokeniser_(parts.tokenizer, parts.chat, parts.stop_tokens),
      checkpoints_(path("checkpoints"), recipe.checkpoint.keep) {}

Result<std::unique_ptr<Job>> Job::create(const Recipe& recipe, const JobParts& parts, bool resume,
                                         JobListener* listener) {
  std::unique_ptr<Job> job(new Job(recipe, parts, listener));
  if (!resume && !job->checkpoints_.steps().empty())
    return error(
        ErrorCode::kInvalidArgument,
        "{}: expected a folder of its own for the job, found checkpoints of another; --resume goes on with it, "
        "or name another folder as out",
        recipe.out);
  std::error_code problem;
  fs::create_directories(recipe.out, problem);
  if (problem) return error(ErrorCode::kIo, "{}: cannot be made: {}", recipe.out, problem.message());
  TRY_VOID(job->read_data());
  TRY_VOID(job->make_bench());
  TRY_VOID(job->begin(resume));
  return job;
}

Result<std::unique_ptr<Lessons>> Job::make_lessons() {
  if (recipe_.kind == JobKind::kDistil)
    return DistilLessons::create(recipe_, text::identity_of(*parts_.tokenizer), parts_.config->vocabulary);
  const FilesObserver observer = {[&](const std::string& sentence) { listener_.note(sentence + "; left out"); },
                                  [&](int64_t bytes, int64_t of) { listener_.read_data(bytes, of); }};
  FilesToRead files{.kind = recipe_.kind,
                    .files = recipe_.data.train,
                    .bad_lines = recipe_.data.bad_lines,
                    .separator = recipe_.data.separator,
                    .shard_tokens = recipe_.data.shard_tokens,
                    .vocabulary = parts_.config->vocabulary};
  train_ = TRY(read_files(files, tokeniser_, path("data/train"), observer));
  if (!recipe_.data.held_out.empty()) {
    files.files = recipe_.data.held_out;
    held_out_ = TRY(read_files(files, tokeniser_, path("data/held-out"), observer));
  }
  const TokenStore* kept = held_out_ ? &*held_out_ : nullptr;
  return recipe_.kind == JobKind::kPreference ? PreferenceLessons::create(recipe_, &*train_, kept)
                                              : TextLessons::create(recipe_, &*train_, kept);
}

Result<void> Job::read_data() {
  lessons_ = TRY(make_lessons());
  steps_ = recipe_.steps > 0 ? recipe_.steps : recipe_.epochs * lessons_->steps_per_epoch();
  const TokenTotals totals = lessons_->totals();
  listener_.note(fmt::format("data: {} documents, {} tokens, {} of them learned{}; {} steps of at most {} tokens",
                             totals.documents, totals.tokens, totals.trained,
                             totals.bad_lines > 0 ? fmt::format(", {} bad lines left out", totals.bad_lines) : "",
                             steps_, recipe_.data.accumulate * batch_tokens(recipe_)));
  return {};
}

Result<void> Job::make_bench() {
  const bool rounded = recipe_.precision == Precision::kBf16;
  if (parts_.start == nullptr)
    bench_ = TRY(Workbench::create(*parts_.config, parts_.machine, parts_.trainer, static_cast<uint64_t>(recipe_.seed),
                                   recipe_.model.deviation, rounded));
  else
    bench_ = TRY(Workbench::create(*parts_.start, parts_.trainer,
                                   {.prefix = parts_.prefix,
                                    .adapter = recipe_.adapter.start,
                                    .new_adapter = new_adapter_of(recipe_),
                                    .rounded = rounded,
                                    .threads = parts_.threads}));
  optimiser_ = TRY(Optimiser::create(*bench_, optimiser_wishes(recipe_.optimiser)));
  if (recipe_.balance.bias_rate > 0) {
    for (const llama4::LayerPlan& plan : parts_.config->layers)
      state_.choice_bias.emplace_back(plan.moe ? static_cast<size_t>(parts_.config->experts) : 0);
    bias_ = state_.choice_bias;
  }
  TrainedModel model = bench_->model();
  model.choice_bias = &bias_;
  const int64_t rank = bench_->adapter() ? bench_->adapter()->rank() : 0;
  pass_ = TRY(Pass::create(model, tape_wishes(recipe_, rank)));
  return {};
}

Result<void> Job::begin(bool resume) {
  // Before a checkpoint takes the place of the weights that the job starts from.
  if (auto* preferences = dynamic_cast<PreferenceLessons*>(lessons_.get()))
    TRY_VOID(preferences->ask_reference(&*pass_, path("data/reference.safetensors"),
                                        "log_probabilities of " + parts_.start_identity));
  if (resume && !checkpoints_.steps().empty()) {
    const auto broken = [&](const std::string& sentence) { listener_.note(sentence + "; the one before is taken"); };
    state_ = TRY(checkpoints_.read_newest(*bench_, &*optimiser_, broken));
    saved_step_ = state_.step;
    listener_.note(fmt::format("goes on after step {}", state_.step));
  }
  use_bias();
  TRY_VOID(write_text(path("recipe.toml"), recipe_text(recipe_)));
  log_ = TRY(JobLog::open(path("log.jsonl"), state_.step));
  const TokenTotals totals = lessons_->totals();
  log_->write({{"event", "start"},
               {"step", state_.step},
               {"steps", steps_},
               {"machine", parts_.machine->name()},
               {"arithmetic", parts_.trainer->name()},
               {"threads", parts_.machine->threads()},
               {"limit_gflop_s", parts_.limit_gflop_s},
               {"trained_numbers", bench_->floats()},
               {"documents", totals.documents},
               {"tokens", totals.tokens},
               {"bad_lines", totals.bad_lines}});
  const bool may_rewind = recipe_.watch.not_finite == OnTrouble::kRewind ||
                          (recipe_.watch.spike > 0 && recipe_.watch.on_spike == OnTrouble::kRewind);
  if (may_rewind && saved_step_ < 0) save();
  return {};
}

Result<bool> Job::run(const std::function<bool()>& is_interrupted) {
  while (state_.step < steps_ && !is_interrupted()) TRY_VOID(take_step());
  const bool finished = state_.step >= steps_;
  if (finished && !state_.is_evaluated) TRY_VOID(evaluate());
  if (saved_step_ != state_.step) save();
  // The last one has to be there.
  if (saved_step_ != state_.step)
    return error(ErrorCode::kIo, "{}: expected room for a checkpoint, found none; make room and go on with --resume",
                 path("checkpoints").string());
  return finished;
}

Result<void> Job::take_step() {
  const Stopwatch watch;
  bench_->clear_gradients();
  const double progress = static_cast<double>(state_.step) / static_cast<double>(steps_);
  const LessonResult lesson = TRY(lessons_->learn(&*pass_, &state_.position, progress));
  const double norm = optimiser_->gradient_norm();
  const double usual = optimiser_->steps() < kStepsBeforeSpikes ? 0 : state_.running_loss;
  if (const auto trouble = find_trouble(recipe_.watch, lesson.loss, norm, usual)) return handle(*trouble, lesson);
  ++state_.step;
  const double rate = rate_at(recipe_.optimiser, state_.step, steps_);
  optimiser_->step(rate, norm);
  state_.optimiser_steps = optimiser_->steps();
  state_.running_loss = running_mean(state_.running_loss, lesson.loss);
  state_.is_evaluated = false;
  state_.held_out.reset();
  balance(lesson);
  report(lesson, norm, rate, watch.seconds());
  const bool is_due = recipe_.evaluate.every > 0 && state_.step % recipe_.evaluate.every == 0;
  if (is_due || state_.step == steps_) TRY_VOID(evaluate());
  if (state_.step % recipe_.checkpoint.every == 0) save();
  return {};
}

Result<void> Job::handle(const Trouble& trouble, const LessonResult& lesson) {
  const int64_t at = state_.step + 1;
  const std::string kept = TRY(keep_batches(lesson));
  const auto tell = [&](const char* action) {
    const std::string sentence = fmt::format("step {}: {}; {}; its batch is in {}", at, trouble.what, action, kept);
    listener_.note(sentence);
    log_->write({{"event", "trouble"}, {"step", at}, {"what", trouble.what}, {"action", action}, {"batch", kept}});
    return sentence;
  };
  if (trouble.action == OnTrouble::kGoOn) {
    tell("the step is left out");
    state_.step = at;
    return {};
  }
  if (trouble.action == OnTrouble::kRewind && rewinds_ < recipe_.watch.rewinds) {
    ++rewinds_;
    const DataPosition after = state_.position;
    state_ = TRY(checkpoints_.read_newest(*bench_, &*optimiser_,
                                          [&](const std::string& sentence) { listener_.note(sentence); }));
    saved_step_ = state_.step;
    state_.position = after;  // what made the trouble is not read again
    use_bias();
    tell(fmt::format("goes back to step {}", state_.step).c_str());
    return {};
  }
  return error(ErrorCode::kLimit, "{}; look at it with paddock train gradients, or leave such steps out with watch",
               tell("the job stops"));
}

// As `paddock train gradients` reads it.
Result<std::string> Job::keep_batches(const LessonResult& lesson) const {
  std::error_code problem;
  fs::create_directories(path("trouble"), problem);
  std::string first;
  for (size_t index = 0; index < lesson.batches.size(); ++index) {
    const std::string file = path("trouble") / fmt::format("step-{}-batch-{}.safetensors", state_.step + 1, index);
    TRY_VOID(write_batch(file, lesson.batches[index]));
    if (first.empty()) first = file;
  }
  return first;
}

void Job::balance(const LessonResult& lesson) {
  use_.add(lesson.tokens_per_expert);
  if (recipe_.balance.bias_rate <= 0) return;
  for (size_t layer = 0; layer < state_.choice_bias.size(); ++layer)
    if (!state_.choice_bias[layer].empty())
      move_bias(lesson.tokens_per_expert[layer], recipe_.balance.bias_rate, &state_.choice_bias[layer]);
  use_bias();
}

void Job::use_bias() {
  const double left = static_cast<double>(steps_ - state_.step) / (kBiasFades * static_cast<double>(steps_));
  bias_ = state_.choice_bias;
  for (std::vector<float>& of_layer : bias_)
    for (float& bias : of_layer) bias *= static_cast<float>(std::clamp(left, 0.0, 1.0));
}

void Job::report(const LessonResult& lesson, double norm, double rate, double seconds) {
  seconds_ += seconds;
  ++steps_run_;
  StepReport report{
      .step = state_.step,
      .steps = steps_,
      .epoch = state_.position.epoch,
      .lesson = lesson,
      .gradient_norm = norm,
      .rate = rate,
      .seconds = seconds,
      .tokens_per_s = static_cast<double>(lesson.tokens) / seconds,
      .imbalance = use_.worst_imbalance(),
      .seconds_left = seconds_ / static_cast<double>(steps_run_) * static_cast<double>(steps_ - state_.step)};
  report.gflop_s = report.tokens_per_s * operations_per_token(*parts_.config, recipe_.trains_adapter()) / 1e9;
  Json line = {{"event", "step"},
               {"step", report.step},
               {"epoch", report.epoch},
               {"loss", lesson.loss},
               {"cross_entropy", lesson.cross_entropy},
               {"gradient_norm", norm},
               {"rate", rate},
               {"targets", lesson.targets},
               {"tokens", lesson.tokens},
               {"seconds", seconds},
               {"tokens_per_s", report.tokens_per_s},
               {"gflop_s", report.gflop_s}};
  if (recipe_.kind == JobKind::kDistil) line["divergence"] = lesson.divergence;
  if (recipe_.kind == JobKind::kPreference) line["preferred"] = lesson.preferred;
  if (parts_.config->experts > 0) {
    line["balance"] = lesson.balance;
    line["z"] = lesson.z;
    line["tokens_per_expert"] = experts_json(lesson.tokens_per_expert);
  }
  log_->write(line);
  listener_.stepped(report);
}

Result<void> Job::evaluate() {
  EvaluationReport report{
      .step = state_.step, .held_out = {}, .samples = {}, .starving = use_.starving(recipe_.balance.starving)};
  const bool of_average = !optimiser_->average().is_null();
  if (of_average) pass_->use(optimiser_->average());
  report.held_out = TRY(lessons_->evaluate(&*pass_, recipe_.evaluate.batches));
  report.samples = samples();
  if (of_average) pass_->use(bench_->trained_weights());
  if (report.held_out) state_.held_out = report.held_out->loss;
  state_.is_evaluated = true;
  use_.clear();
  Json line = {{"event", "evaluation"}, {"step", report.step}, {"samples", Json::array()}, {"starving", Json::array()}};
  if (report.held_out) {
    line["loss"] = report.held_out->loss;
    line["cross_entropy"] = report.held_out->cross_entropy;
    line["targets"] = report.held_out->targets;
    if (recipe_.kind == JobKind::kDistil) line["divergence"] = report.held_out->divergence;
    if (recipe_.kind == JobKind::kPreference) line["preferred"] = report.held_out->preferred;
  }
  for (const Sample& sample : report.samples)
    line["samples"].push_back({{"prompt", sample.prompt}, {"text", sample.text}});
  for (const StarvingExpert& each : report.starving)
    line["starving"].push_back({{"layer", each.layer}, {"expert", each.expert}, {"share", each.share}});
  log_->write(line);
  listener_.evaluated(report);
  return {};
}

std::vector<Sample> Job::samples() {
  std::vector<Sample> found;
  for (const std::string& prompt : recipe_.evaluate.prompts) {
    std::vector<int32_t> tokens;
    if (recipe_.kind == JobKind::kPretrain) {
      tokens = tokeniser_.text({"", prompt}).tokens;
      tokens.pop_back();  // the end of the text
    } else if (auto asked = tokeniser_.question(prompt)) {
      tokens = std::move(*asked);
    } else {
      listener_.note(fmt::format("evaluate.prompts: {}", asked.error().message));
      continue;
    }
    const std::vector<int32_t> said =
        say(&*pass_, tokens, recipe_.evaluate.sample_tokens, batch_tokens(recipe_), parts_.stop_tokens, parts_.machine);
    found.push_back({prompt, parts_.tokenizer->decode(said, text::SpecialText::kShow)});
  }
  return found;
}

// A checkpoint that cannot be written is told of and tried again at the next: the last good one is there.
void Job::save() {
  const auto written = checkpoints_.write(state_, *bench_, *optimiser_);
  if (!written) {
    listener_.note(written.error().message + "; the checkpoints before it are there, and training goes on");
    log_->write({{"event", "unsaved"}, {"step", state_.step}, {"why", written.error().message}});
    return;
  }
  saved_step_ = state_.step;
  log_->write({{"event", "saved"}, {"step", state_.step}});
  listener_.saved(state_.step);
}

Result<void> Job::take_result() {
  if (!optimiser_->average().is_null() && !recipe_.best)
    parts_.trainer->copy(optimiser_->average(), bench_->trained_weights(), bench_->floats());
  if (recipe_.best)
    if (const auto step = TRY(checkpoints_.read_best(*bench_)))
      listener_.note(fmt::format("takes step {}, whose held-out loss is the least", *step));
  return {};
}

}  // namespace paddock::train
