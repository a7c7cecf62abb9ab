// SPDX-License-Identifier: Apache-2.0
// Whether it pays to weigh each token (train/trust.h): small models of bytes learn from a teacher and a text with one
// weight for all tokens, and with the rule. One JSON object a student.
//   trust_bench TEACHER.txt STUDENT.txt TEST.txt [--steps 400] [--teacher-steps 600] [--seeds 2] [--threads N]
//
// The teacher reads its own text; students read another with what it says of it; all are tested on a third.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>

#include "base/check.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/likelihoods.h"
#include "kernels/choose.h"
#include "kernels/contracts/training/token_loss.h"
#include "train/optimiser.h"
#include "train/pass.h"
#include "train/trust.h"
#include "train/workbench.h"

namespace {

using namespace paddock;

constexpr int64_t kRows = 8, kLength = 128, kKept = 8, kVocabulary = 256;
constexpr double kRate = 3e-3;

struct Options {
  std::vector<std::string> files;
  int steps = 400, teacher_steps = 600, seeds = 2, threads = 1;
};

llama4::Config config_of(int64_t width, int64_t layers) {
  Json json = {{"model_type", "llama4_text"},     {"hidden_size", width},
               {"num_hidden_layers", layers},     {"vocab_size", kVocabulary},
               {"num_attention_heads", 4},        {"num_key_value_heads", 2},
               {"head_dim", width / 4},           {"max_position_embeddings", kLength},
               {"rope_theta", 10000.0},           {"intermediate_size", 2 * width},
               {"num_local_experts", 4},          {"num_experts_per_tok", 1},
               {"attention_chunk_size", kLength}, {"use_qk_norm", true}};
  auto config = llama4::config_from_json(json, "bench");
  CHECK(config);
  return config->config;
}

struct Machine {
  std::unique_ptr<kernels::Machine> machine;
  std::unique_ptr<kernels::Trainer> trainer;
};

class Learner {
 public:
  Learner(Machine* on, int64_t width, int64_t layers, uint64_t seed)
      : bench_(train::Workbench::create(config_of(width, layers), on->machine.get(), on->trainer.get(), seed, 0.02)
                   .value()),
        pass_(
            train::Pass::create(bench_->model(), {.tokens = kRows * kLength, .logits_rows = kRows * kLength}).value()),
        optimiser_(train::Optimiser::create(*bench_, {.decay = 0.01}).value()) {}

  // `done`: progress, for the rate: up for a tenth, then down as a cosine.
  train::PassResult learn(const train::Batch& batch, const std::optional<train::TeacherSays>& teacher, double done) {
    bench_->clear_gradients();
    const auto result = pass_.run(batch, {.balance_weight = 0.01f, .teacher = teacher});
    const double share = done < 0.1 ? done / 0.1 : 0.5 * (1 + std::cos(3.14159265 * (done - 0.1) / 0.9));
    optimiser_.step(kRate * std::max(0.02, share));
    return result;
  }
  double loss(const train::Batch& batch) { return pass_.run(batch, {.gradients = false}).cross_entropy; }
  train::Pass& pass() { return pass_; }
  const train::Workbench& bench() const { return *bench_; }

 private:
  std::unique_ptr<train::Workbench> bench_;
  train::Pass pass_;
  train::Optimiser optimiser_;
};

train::Batch batch_of(std::string_view text, std::mt19937_64* random) {
  train::Batch batch{kRows, kLength, {}, {}, {}, {}};
  for (int64_t row = 0; row < kRows; ++row) {
    const size_t from = (*random)() % (text.size() - kLength - 1);
    for (int64_t column = 0; column < kLength; ++column) {
      const size_t at = from + static_cast<size_t>(column);
      batch.tokens.push_back(static_cast<uint8_t>(text[at]));
      batch.targets.push_back(static_cast<uint8_t>(text[at + 1]));
      batch.positions.push_back(static_cast<int32_t>(column));
      batch.documents.push_back(0);
    }
  }
  return batch;
}

// What a teacher says of a batch.
struct Lesson {
  train::Batch batch;
  std::vector<int32_t> ids;
  std::vector<float> logprobs, tails, following;
};

Lesson ask(Learner* teacher, train::Batch batch) {
  Lesson lesson{std::move(batch), {}, {}, {}, {}};
  engine::Likelihoods likelihoods;
  teacher->pass().observe_logits([&](int64_t first, const kernels::Rows& rows) {
    const auto all = teacher->bench().read(rows.address, rows.rows * rows.width);
    for (int64_t row = 0; row < rows.rows; ++row) {
      const auto logits = std::span(all).subspan(static_cast<size_t>(row * rows.width), kVocabulary);
      const auto best = likelihoods.most_likely(logits, kKept);
      const auto sums = likelihoods.log_sums(logits, best);
      const auto logprob = [&](int32_t id) { return static_cast<float>(logits[static_cast<size_t>(id)] - sums.all); };
      for (const int32_t id : best) {
        lesson.ids.push_back(id);
        lesson.logprobs.push_back(logprob(id));
      }
      lesson.tails.push_back(static_cast<float>(sums.others - sums.all));
      lesson.following.push_back(logprob(lesson.batch.targets[static_cast<size_t>(first + row)]));
    }
  });
  teacher->loss(lesson.batch);
  teacher->pass().observe_logits({});
  return lesson;
}

double test(Learner* learner, std::string_view text) {
  std::mt19937_64 random(12345);
  double sum = 0;
  constexpr int kBatches = 24;
  for (int index = 0; index < kBatches; ++index) sum += learner->loss(batch_of(text, &random));
  return sum / kBatches;
}

struct Way {
  std::string name;
  std::optional<float> alpha;  // of all tokens; missing: the rule
  train::TrustRule rule;
};

double teach(Machine* on, const Way& way, std::span<const Lesson> lessons, std::string_view test_text, uint64_t seed) {
  Learner student(on, 48, 2, seed);
  for (size_t step = 0; step < lessons.size(); ++step) {
    const Lesson& lesson = lessons[step];
    const double done = static_cast<double>(step) / static_cast<double>(lessons.size());
    std::vector<float> alphas;
    if (!way.alpha) alphas = train::teacher_shares(way.rule, done, lesson.following);
    student.learn(
        lesson.batch,
        train::TeacherSays{lesson.ids, lesson.logprobs, lesson.tails, kKept, 1, way.alpha.value_or(-1), alphas}, done);
  }
  return test(&student, test_text);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int index = 1; index < argc; ++index) {
    const std::string name = argv[index];
    const auto value = [&] { return std::stoi(index + 1 < argc ? argv[++index] : "0"); };
    if (name == "--steps")
      options.steps = value();
    else if (name == "--teacher-steps")
      options.teacher_steps = value();
    else if (name == "--seeds")
      options.seeds = value();
    else if (name == "--threads")
      options.threads = value();
    else
      options.files.push_back(name);
  }
  if (options.files.size() != 3) {
    std::fprintf(stderr, "usage: trust_bench TEACHER.txt STUDENT.txt TEST.txt\n");
    return 2;
  }
  std::vector<std::string> texts;
  for (const std::string& file : options.files) texts.push_back(read_text_file(file).value());
  Machine on{kernels::make_machine("auto", options.threads, true).value(),
             kernels::make_trainer("auto", options.threads).value()};

  Learner teacher(&on, 96, 4, 7);
  std::mt19937_64 random(1);
  for (int step = 0; step < options.teacher_steps; ++step)
    teacher.learn(batch_of(texts[0], &random), std::nullopt, static_cast<double>(step) / options.teacher_steps);
  std::printf("%s\n", Json{{"teacher", true},
                           {"own", test(&teacher, texts[0])},
                           {"student_text", test(&teacher, texts[1])},
                           {"test", test(&teacher, texts[2])}}
                          .dump()
                          .c_str());
  std::fflush(stdout);
  constexpr float kBackground = 1.0f / 64;  // exp of minus the entropy of single bytes
  const Way ways[] = {{"alpha 0", 0.0f, {}},
                      {"alpha 0.5", 0.5f, {}},
                      {"alpha 1", 1.0f, {}},
                      {"rule", {}, {.first = 0, .last = 0.5f, .background = kBackground}},
                      {"rule to 0.9", {}, {.first = 0, .last = 0.9f, .background = kBackground}},
                      {"rule 0.5 always", {}, {.first = 0.5f, .last = 0.5f, .background = kBackground}}};
  for (int seed = 0; seed < options.seeds; ++seed) {
    std::vector<Lesson> lessons;
    std::mt19937_64 of_texts(100 + static_cast<uint64_t>(seed));
    for (int step = 0; step < options.steps; ++step) lessons.push_back(ask(&teacher, batch_of(texts[1], &of_texts)));
    for (const Way& way : ways) {
      const double loss = teach(&on, way, lessons, texts[2], 1000 + static_cast<uint64_t>(seed));
      std::printf("%s\n", Json{{"way", way.name}, {"seed", seed}, {"test", loss}}.dump().c_str());
      std::fflush(stdout);
    }
  }
  return 0;
}
