// SPDX-License-Identifier: Apache-2.0
// Records as what a student learns from: the golden teacher through a record gives the golden gradients, and what
// rounding costs.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "base/json.h"
#include "base/mapped_file.h"
#include "distil/record.h"
#include "kernels/choose.h"
#include "kernels/contracts/training/token_loss.h"
#include "tests/training/trained.h"
#include "train/recorded_batch.h"
#include "train/trust.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;

class ScratchRecord {
 public:
  ScratchRecord() {
    std::string name = (fs::temp_directory_path() / "recorded-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ScratchRecord() { fs::remove_all(folder_); }

  distil::Record write(const std::vector<distil::Document>& documents, int64_t kept, int64_t vocabulary) {
    const distil::RecordFacts facts{
        .teacher_name = "t", .teacher = {}, .tokenizer = {}, .vocabulary = vocabulary, .kept = kept};
    auto writer = distil::RecordWriter::open(folder_ / "r", facts, "{}", 1 << 12).value();
    for (const distil::Document& document : documents) EXPECT_TRUE(writer.add(document));
    EXPECT_TRUE(writer.finish());
    auto record = distil::Record::open(folder_ / "r");
    EXPECT_TRUE(record) << record.error().message;
    return std::move(*record);
  }

 private:
  fs::path folder_;
};

struct GoldenTeacher {
  train::Batch batch;
  std::vector<int32_t> ids;
  std::vector<float> logprobs, tails;
  int64_t kept = 0;
};

// The documents of a packed batch, one after another in each row.
std::vector<distil::Document> documents_of(const GoldenTeacher& teacher) {
  const train::Batch& batch = teacher.batch;
  const auto k = static_cast<size_t>(teacher.kept);
  std::vector<distil::Document> documents;
  for (size_t at = 0; at < batch.tokens.size(); ++at) {
    if (batch.positions[at] == 0) documents.emplace_back();
    distil::Document& document = documents.back();
    document.tokens.push_back(batch.tokens[at]);
    if (batch.targets[at] == kernels::kNoTarget) continue;
    document.places.push_back(batch.positions[at]);
    const auto kept = [&](const auto& from, auto* to) {
      to->insert(to->end(), from.begin() + static_cast<ptrdiff_t>(at * k),
                 from.begin() + static_cast<ptrdiff_t>((at + 1) * k));
    };
    kept(teacher.ids, &document.ids);
    kept(teacher.logprobs, &document.logprobs);
    document.tails.push_back(teacher.tails[at]);
    document.following.push_back(-3);
  }
  return documents;
}

class Recorded : public testing::Test {
 protected:
  void SetUp() override {
    const auto reference = training_reference();
    if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
    folder_ = *reference / "distill";
    const auto file = open_file(folder_ / "teacher.safetensors");
    teacher_.batch = batch_of(*open_file(folder_ / "batch.safetensors"));
    teacher_.ids = integers_of(*file, "ids");
    teacher_.logprobs = floats_of(*file, "logprobs").values;
    teacher_.tails = floats_of(*file, "tail_logprob").values;
    teacher_.kept = file->find("ids")->view.shape.back();
  }
  fs::path folder_;
  GoldenTeacher teacher_;
};

TEST_F(Recorded, GradientsAreThoseOfTheReference) {
  const auto student = Trained::load(folder_ / "student", "auto");
  ASSERT_NE(student, nullptr);
  ScratchRecord scratch;
  const std::vector<distil::Document> documents = documents_of(teacher_);
  const distil::Record record = scratch.write(documents, teacher_.kept, student->bench->model().config->vocabulary);
  std::vector<int64_t> order(documents.size());
  std::iota(order.begin(), order.end(), 0);
  const auto packer = train::RecordedBatches::create(record, teacher_.batch.rows, teacher_.batch.length,
                                                     student->bench->model().config->vocabulary);
  ASSERT_TRUE(packer) << packer.error().message;
  size_t next = 0;
  const auto taken = packer->take(order, &next);
  ASSERT_TRUE(taken && *taken);
  const train::RecordedBatch& batch = **taken;
  EXPECT_EQ(next, documents.size());
  EXPECT_EQ(batch.batch.tokens, teacher_.batch.tokens);
  EXPECT_EQ(batch.batch.targets, teacher_.batch.targets);
  EXPECT_EQ(batch.batch.positions, teacher_.batch.positions);

  const Json golden = parse_json(read_text_file(folder_ / "golden.json").value(), "golden").value();
  struct Case {
    float alpha, temperature;
    const char* file;
  };
  for (const Case& one :
       {Case{0, 1, "grads_alpha0.0_T1.0"}, Case{0.5f, 1, "grads_alpha0.5_T1.0"}, Case{0.5f, 2, "grads_alpha0.5_T2.0"},
        Case{1, 1, "grads_alpha1.0_T1.0"}, Case{1, 2, "grads_alpha1.0_T2.0"}}) {
    const std::vector<float> alphas(batch.batch.tokens.size(), one.alpha);
    const auto want = open_file(folder_ / (std::string(one.file) + ".safetensors"));
    // One alpha for all, or the same for each token.
    train::PassResult results[2];
    for (const bool each : {false, true}) {
      student->bench->clear_gradients();
      results[each] = student->run(batch.batch, {.teacher = batch.says(one.temperature, each ? -1 : one.alpha,
                                                                       each ? alphas : std::span<const float>())});
      for (const train::TrainedTensor& tensor : student->bench->tensors())
        EXPECT_LE(relative_difference(student->gradient(tensor), floats_of(*want, tensor.name).values),
                  one.alpha == 0 ? 3e-5 : 1e-4)  // beside float32's own, what rounded log-probabilities cost
            << one.file << " " << tensor.name;
    }
    EXPECT_NEAR(results[0].loss, results[1].loss, 1e-9);
  }
}

// What a divergence moves by when the teacher has been stored.
TEST(RecordedRounding, MovesTheLossByLittle) {
  constexpr int64_t kVocabulary = 1500, kPlaces = 24;
  auto machine = kernels::make_machine("auto", 2).value();
  auto trainer = kernels::make_trainer("auto", 2).value();
  std::mt19937 random(1);
  double worst = 0, worst_mean = 0;
  for (const int64_t kept : {8, 32, 64})
    for (const double sharpness : {0.5, 2.0, 5.0})
      for (const float temperature : {1.0f, 2.0f}) {
        std::normal_distribution<double> normal(0, sharpness);
        distil::Document document;
        std::vector<float> student;
        document.tokens.assign(kPlaces + 1, 0);
        for (int32_t place = 0; place < kPlaces; ++place) {
          std::vector<double> logits(kVocabulary);
          double sum = 0, outside = 0;
          for (double& logit : logits) sum += std::exp(logit = normal(random));
          std::vector<int32_t> best(kVocabulary);
          std::iota(best.begin(), best.end(), 0);
          std::ranges::sort(best, std::greater(), [&](int32_t token) { return logits[static_cast<size_t>(token)]; });
          document.places.push_back(place);
          for (size_t rank = 0; rank < kVocabulary; ++rank) {
            const double logprob = logits[static_cast<size_t>(best[rank])] - std::log(sum);
            if (rank >= static_cast<size_t>(kept)) outside += std::exp(logprob);
            if (best[rank] == 0) document.following.push_back(static_cast<float>(logprob));
            if (rank >= static_cast<size_t>(kept)) continue;
            document.ids.push_back(best[rank]);
            document.logprobs.push_back(static_cast<float>(logprob));
          }
          document.tails.push_back(static_cast<float>(std::log(outside)));
          // A student that is as far from the teacher as one that has learnt little.
          for (const double logit : logits) student.push_back(static_cast<float>(logit + normal(random)));
        }
        const auto stored =
            distil::parse_document(distil::write_document(document, kept), kept, kVocabulary, "bytes").value();
        const auto divergences = [&](const distil::Document& teacher) {
          auto buffer = machine->allocate(student.size() * sizeof(float)).value();
          machine->write(std::as_bytes(std::span(student)), buffer.address());
          const std::vector<int32_t> targets(kPlaces, 0);
          std::vector<double> losses(kPlaces), found(kPlaces);
          trainer->distilled_loss({.hard = {{buffer.address(), kPlaces, kVocabulary}, targets, {}, losses},
                                   .ids = teacher.ids,
                                   .logprobs = teacher.logprobs,
                                   .tails = teacher.tails,
                                   .kept = kept,
                                   .temperature = temperature,
                                   .divergences = found});
          return found;
        };
        const auto before = divergences(document), after = divergences(stored);
        double mean = 0;
        for (size_t place = 0; place < before.size(); ++place) {
          worst = std::max(worst, std::abs(after[place] - before[place]));
          mean += (after[place] - before[place]) / static_cast<double>(before.size());
        }
        worst_mean = std::max(worst_mean, std::abs(mean));
      }
  RecordProperty("largest_of_a_token", std::to_string(worst));
  RecordProperty("largest_mean", std::to_string(worst_mean));
  EXPECT_LT(worst_mean, 3e-5);
  EXPECT_LT(worst, 2e-4);
}

distil::Document counting(int32_t first, int32_t tokens) {
  distil::Document document;
  for (int32_t token = 0; token < tokens; ++token) document.tokens.push_back(first + token);
  for (int32_t place = 0; place + 1 < tokens; ++place) {
    document.places.push_back(place);
    document.ids.push_back(first);
    document.logprobs.push_back(-1);
    document.tails.push_back(-0.5f);
    document.following.push_back(place == -1 ? 0 : -2.0f);
  }
  if (tokens > 1) document.following[0] = -2;
  return document;
}

TEST(RecordedPacking, DocumentsStayWholeAndRestsAreNoTargets) {
  ScratchRecord scratch;
  std::vector<distil::Document> documents;
  for (const int32_t tokens : {6, 5, 3, 10, 1, 4, 10, 2}) documents.push_back(counting(0, tokens));
  const distil::Record record = scratch.write(documents, 1, 20);
  const auto packer = train::RecordedBatches::create(record, 2, 10, 20);
  ASSERT_TRUE(packer) << packer.error().message;
  const std::vector<int64_t> order = {0, 1, 2, 3, 4, 5, 6, 7};
  size_t next = 0;
  std::vector<size_t> ends;
  int64_t targets = 0;
  while (const auto batch = packer->take(order, &next).value()) {
    ends.push_back(next);
    ASSERT_TRUE(train::check_batch(batch->batch, 20, "packed"));
    targets += train::target_count(batch->batch);
    for (size_t at = 0; at < batch->batch.tokens.size(); ++at)
      if (batch->batch.targets[at] != kernels::kNoTarget) {
        EXPECT_EQ(batch->batch.targets[at], batch->batch.tokens[at + 1]);
      }
  }
  // 6 | 5 3, then 10 | 1 4, then 10 | 2
  EXPECT_EQ(ends, (std::vector<size_t>{3, 6, 8}));
  EXPECT_EQ(targets, 5 + 4 + 2 + 9 + 0 + 3 + 9 + 1);
  EXPECT_FALSE(train::RecordedBatches::create(record, 2, 9, 20));
  EXPECT_FALSE(train::RecordedBatches::create(record, 2, 10, 19));
}

TEST(Trust, LeavesToTheTextWhatContradictsTheTeacher) {
  const train::TrustRule rule{.first = 0, .last = 0.5f, .background = 1e-3f};
  const std::vector<float> following = {0, std::log(0.5f), std::log(1e-3f), -20, -1e6f, -INFINITY};
  for (const float share : train::teacher_shares(rule, 0, following)) EXPECT_EQ(share, 1);
  const auto late = train::teacher_shares(rule, 1, following);
  EXPECT_NEAR(late[0], 1 / 1.001, 1e-6);
  EXPECT_NEAR(late[2], 0.5, 1e-5);  // as likely as anything: as doubtful as before
  EXPECT_LT(late[3], 1e-5);
  EXPECT_EQ(late[4], 0);
  EXPECT_EQ(late[5], 0);
  for (size_t token = 1; token < late.size(); ++token) EXPECT_LE(late[token], late[token - 1]);
  float before = 1;
  for (const double progress : {-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0}) {
    const float share = train::teacher_shares(rule, progress, following)[2];
    EXPECT_LE(share, before);
    before = share;
  }
  EXPECT_DOUBLE_EQ(train::doubt({.first = 0.25f, .last = 0.5f}, 0.5), 0.25 + 0.25 * 0.25);
}

}  // namespace
}  // namespace paddock::test
