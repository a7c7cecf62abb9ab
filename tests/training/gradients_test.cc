// SPDX-License-Identifier: Apache-2.0
// Whole models against float64: losses, logits and the gradient of every parameter.

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "kernels/choose.h"
#include "kernels/contracts/training/token_loss.h"
#include "tests/training/trained.h"
#include "train/optimiser.h"
#include "train/preference.h"

namespace paddock::test {
namespace {

constexpr double kGradientTolerance = 3e-5, kLossTolerance = 1e-5, kLogitsTolerance = 5e-5;

Json json_of(const std::filesystem::path& path) {
  return parse_json(read_text_file(path).value(), path.string()).value();
}

class GradientsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto reference = training_reference();
    if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
    folder_ = *reference;
  }

  void expect_gradients(const Trained& model, const std::filesystem::path& file) {
    const auto golden = open_file(file);
    ASSERT_NE(golden, nullptr);
    ASSERT_EQ(golden->tensors().size(), model.bench->tensors().size());
    double worst = 0;
    for (const train::TrainedTensor& tensor : model.bench->tensors()) {
      const Floats want = floats_of(*golden, tensor.name);
      EXPECT_EQ(want.shape, tensor.shape) << tensor.name;
      const double found = relative_difference(model.gradient(tensor), want.values);
      EXPECT_LE(found, kGradientTolerance) << tensor.name;
      worst = std::max(worst, found);
    }
    RecordProperty(file.filename().string(), std::to_string(worst));
  }

  // Of the tensors that the file has.
  void expect_some_gradients(const Trained& model, const std::filesystem::path& file) {
    const auto golden = open_file(file);
    ASSERT_NE(golden, nullptr);
    size_t found = 0;
    for (const train::TrainedTensor& tensor : model.bench->tensors()) {
      if (golden->find(tensor.name) == nullptr) continue;
      ++found;
      EXPECT_LE(relative_difference(model.gradient(tensor), floats_of(*golden, tensor.name).values), kGradientTolerance)
          << tensor.name;
    }
    EXPECT_EQ(found, golden->tensors().size());
  }

  static train::Batch one_document(const std::vector<int32_t>& tokens, const std::vector<int32_t>& targets) {
    train::Batch batch{1, static_cast<int64_t>(tokens.size()), tokens, targets, {}, {}};
    for (int64_t at = 0; at < batch.length; ++at) batch.positions.push_back(static_cast<int32_t>(at));
    batch.documents.assign(tokens.size(), 0);
    return batch;
  }

  std::filesystem::path folder_;
};

TEST_P(GradientsTest, OfWholeModelsWithAndWithoutBalance) {
  for (const std::string name : {"micro", "micro-interleaved"}) {
    const auto model = Trained::load(folder_ / name, GetParam());
    ASSERT_NE(model, nullptr);
    const auto batches = open_file(folder_ / name / "batches.safetensors");
    const Json golden = json_of(folder_ / name / "golden.json");
    const train::Batch batch = batch_of(*batches);
    struct Case {
      const char *file, *loss;
      float balance, z;
    };
    for (const Case& one : {Case{"grads", "loss", 0, 0}, Case{"grads_aux", "loss_aux", 0.01f, 0},
                            Case{"grads_aux_z", "loss_aux_z", 0.01f, 0.001f}})
      for (const bool recompute : {false, true}) {
        model->bench->clear_gradients();
        const train::PassResult result =
            model->run(batch, {.balance_weight = one.balance, .z_weight = one.z}, recompute);
        EXPECT_NEAR(result.loss, golden.at(one.loss).get<double>(), kLossTolerance) << name << " " << one.file;
        EXPECT_EQ(result.targets, golden.at("targets").get<int64_t>());
        EXPECT_NEAR(result.balance, golden.at("aux_loss").get<double>(), kLossTolerance);
        EXPECT_NEAR(result.z, golden.at("z_loss").get<double>(), 10 * kLossTolerance);
        for (const auto& [layer, counts] : golden.at("tokens_per_expert").items())
          EXPECT_EQ(result.tokens_per_expert.at(std::stoul(layer)), counts.get<std::vector<int64_t>>());
        expect_gradients(*model, folder_ / name / (std::string(one.file) + ".safetensors"));
      }
    const double norm = std::sqrt(model->trainer->sum_of_squares(model->bench->gradients(), model->bench->floats()));
    EXPECT_NEAR(norm, golden.at("gradient_norm_aux_z").get<double>(), 1e-4);
  }
}

TEST_P(GradientsTest, LogitsAreThoseOfTheReference) {
  for (const std::string name : {"micro", "micro-interleaved"}) {
    const auto model = Trained::load(folder_ / name, GetParam());
    ASSERT_NE(model, nullptr);
    const train::Batch batch = batch_of(*open_file(folder_ / name / "batches.safetensors"));
    std::vector<float> logits;
    const train::PassResult result =
        model->run(batch, {.gradients = false}, false, [&](int64_t first, const kernels::Rows& rows) {
          EXPECT_EQ(static_cast<int64_t>(logits.size()), first * rows.width);
          const auto piece = model->bench->read(rows.address, rows.rows * rows.width);
          logits.insert(logits.end(), piece.begin(), piece.end());
        });
    const auto golden = open_file(folder_ / name / "forward.safetensors");
    const auto want = floats_of(*golden, "logits").values;
    ASSERT_EQ(logits.size(), want.size());
    for (size_t index = 0; index < want.size(); ++index) ASSERT_NEAR(logits[index], want[index], kLogitsTolerance);
    const auto losses = floats_of(*golden, "token_loss").values;
    for (size_t index = 0; index < losses.size(); ++index)
      EXPECT_NEAR(result.token_losses[index], losses[index], kLogitsTolerance) << index;
  }
}

// Twenty steps, losses before each: what a single step cannot see.
TEST_P(GradientsTest, TwentyStepsOfAdamW) {
#ifdef PADDOCK_SANITIZED
  if (GetParam() == "reference") GTEST_SKIP() << "instrumented code takes minutes";
#endif
  if (GetParam() != "reference" && kernels::make_trainer(GetParam(), 1).value()->name() == "reference")
    GTEST_SKIP() << "trains as the reference does";
  for (const std::string name : {"micro", "micro-interleaved"})
    for (const std::string kind : {"ce", "ce_aux_z"}) {
      const auto model = Trained::load(folder_ / name, GetParam());
      ASSERT_NE(model, nullptr);
      const auto batches = open_file(folder_ / name / "batches.safetensors");
      const Json golden = json_of(folder_ / name / "golden.json").at("training").at(kind);
      auto optimiser = train::Optimiser::create(*model->bench, {});
      ASSERT_TRUE(optimiser);
      const bool balanced = kind != "ce";
      for (int64_t step = 0; step < 20; ++step) {
        model->bench->clear_gradients();
        const train::PassResult result = model->run(
            batch_of(*batches, step % 5), {.balance_weight = balanced ? 0.01f : 0, .z_weight = balanced ? 0.001f : 0});
        EXPECT_NEAR(result.loss, golden.at("losses").at(static_cast<size_t>(step)).get<double>(), 3e-5)
            << name << " " << kind << " step " << step;
        const double norm = optimiser->gradient_norm();
        EXPECT_NEAR(norm, golden.at("grad_norms").at(static_cast<size_t>(step)).get<double>(), 1e-3);
        optimiser->step(1e-3, norm);
      }
      EXPECT_NEAR(
          model
              ->run(batch_of(*batches),
                    {.gradients = false, .balance_weight = balanced ? 0.01f : 0, .z_weight = balanced ? 0.001f : 0})
              .loss,
          golden.at("loss_after").get<double>(), 3e-5);
    }
}

// A bias moves the choice of experts and not their gates; with one that no score reaches all go to that expert.
TEST_P(GradientsTest, ABiasChoosesAndDoesNotGate) {
  const auto model = Trained::load(folder_ / "micro", GetParam());
  ASSERT_NE(model, nullptr);
  const train::Batch batch = batch_of(*open_file(folder_ / "micro" / "batches.safetensors"));
  const llama4::Config& config = *model->bench->model().config;
  std::vector<std::vector<float>> bias(config.layers.size(), std::vector<float>(static_cast<size_t>(config.experts)));
  train::TrainedModel biased = model->bench->model();
  biased.choice_bias = &bias;
  auto pass = train::Pass::create(biased, {.tokens = batch.count(), .logits_rows = 37});
  ASSERT_TRUE(pass);
  const double plain = model->run(batch, {.gradients = false}).loss;
  EXPECT_NEAR(pass->run(batch, {.gradients = false}).loss, plain, 1e-7);  // of a bias that is zero
  for (auto& layer : bias) layer[2] = 1e6f;
  const train::PassResult moved = pass->run(batch, {.gradients = false});
  for (const auto& tokens : moved.tokens_per_expert) EXPECT_EQ(tokens[2], batch.count());
  EXPECT_NE(moved.loss, plain);
  EXPECT_LT(moved.loss, 2 * plain);  // gates of a million would make it anything
}

TEST_P(GradientsTest, OfLowRankUpdates) {
  for (const std::string layout : {"lora", "lora/peft-0.18-layout"}) {
    const auto model = Trained::load(folder_ / "micro", GetParam(), 2, folder_ / layout);
    ASSERT_NE(model, nullptr);
    const train::Batch batch = batch_of(*open_file(folder_ / "micro" / "batches.safetensors"));
    const Json golden = json_of(folder_ / "lora" / "golden.json");
    const train::PassResult result = model->run(batch, {});
    EXPECT_NEAR(result.loss, golden.at("loss").get<double>(), kLossTolerance);
    if (layout != "lora") continue;
    expect_gradients(*model, folder_ / "lora" / "grads.safetensors");
  }
}

TEST_P(GradientsTest, OfDistillation) {
  const auto teacher = open_file(folder_ / "distill" / "teacher.safetensors");
  ASSERT_NE(teacher, nullptr);
  const auto ids = integers_of(*teacher, "ids");
  const auto logprobs = floats_of(*teacher, "logprobs").values, tails = floats_of(*teacher, "tail_logprob").values;
  const auto model = Trained::load(folder_ / "distill" / "student", GetParam());
  ASSERT_NE(model, nullptr);
  const train::Batch batch = batch_of(*open_file(folder_ / "distill" / "batch.safetensors"));
  const Json cases = json_of(folder_ / "distill" / "golden.json").at("cases");
  ASSERT_FALSE(cases.empty());
  for (const Json& one : cases) {
    model->bench->clear_gradients();
    const train::TeacherSays says{.ids = ids,
                                  .logprobs = logprobs,
                                  .tails = tails,
                                  .kept = 8,
                                  .temperature = one.at("T"),
                                  .alpha = one.at("alpha")};
    const train::PassResult result = model->run(batch, {.teacher = says});
    EXPECT_NEAR(result.loss, one.at("loss").get<double>(), kLossTolerance);
    EXPECT_NEAR(result.divergence, one.at("kd_with_T2").get<double>(), kLossTolerance);
    if (one.contains("grads")) expect_gradients(*model, folder_ / "distill" / one.at("grads").get<std::string>());
  }
}

// With factors rounded to bfloat16 gradients point the same way, as far as tokens keep their experts: in the second
// model one whose scores are a thousandth apart does not.
TEST_P(GradientsTest, RoundedStaysClose) {
  for (const std::string name : {"micro", "micro-interleaved"}) {
    const auto model = Trained::load(folder_ / name, GetParam(), 2, {}, true);
    ASSERT_NE(model, nullptr);
    const train::Batch batch = batch_of(*open_file(folder_ / name / "batches.safetensors"));
    const Json golden = json_of(folder_ / name / "golden.json");
    EXPECT_NEAR(model->run(batch, {}).loss, golden.at("loss").get<double>(), 0.02);
    const auto want = open_file(folder_ / name / "grads.safetensors");
    double squares = 0, difference = 0;
    for (const train::TrainedTensor& tensor : model->bench->tensors()) {
      const auto got = model->gradient(tensor), expected = floats_of(*want, tensor.name).values;
      for (size_t index = 0; index < got.size(); ++index) {
        squares += std::pow(static_cast<double>(expected[index]), 2);
        difference += std::pow(static_cast<double>(got[index]) - expected[index], 2);
      }
    }
    EXPECT_LE(std::sqrt(difference / squares), name == "micro" ? 0.04 : 0.25) << name;
    RecordProperty(name, std::to_string(std::sqrt(difference / squares)));
  }
}

// A conversation of which only what the assistant says is learned.
TEST_P(GradientsTest, OfAConversation) {
  const auto model = Trained::load(folder_ / "micro", GetParam());
  ASSERT_NE(model, nullptr);
  const Json golden = json_of(folder_ / "preference" / "sft.json");
  const auto tokens = golden.at("tokens").get<std::vector<int32_t>>();
  const train::Batch batch = one_document(tokens, golden.at("targets").get<std::vector<int32_t>>());
  EXPECT_NEAR(model->run(batch, {}).loss, golden.at("loss").get<double>(), kLossTolerance);
  expect_some_gradients(*model, folder_ / "preference" / "sft_grads.safetensors");
}

// Answers that were chosen and rejected lie in one row, each a text of its own after its prompt.
TEST_P(GradientsTest, OfPreferences) {
  const Json golden = json_of(folder_ / "preference" / "dpo.json");
  const auto model = Trained::load(folder_ / "micro", GetParam());
  ASSERT_NE(model, nullptr);
  train::Batch batch;
  int32_t document = 0;
  for (const Json& pair : golden.at("pairs"))
    for (const char* which : {"chosen", "rejected"}) {
      auto tokens = pair.at("prompt").get<std::vector<int32_t>>();
      const auto answer = pair.at(which).get<std::vector<int32_t>>();
      const size_t prompt = tokens.size();
      tokens.insert(tokens.end(), answer.begin(), answer.end());
      for (size_t at = 0; at < tokens.size(); ++at) {
        batch.tokens.push_back(tokens[at]);
        batch.targets.push_back(at + 1 >= prompt && at + 1 < tokens.size() ? tokens[at + 1] : kernels::kNoTarget);
        batch.positions.push_back(static_cast<int32_t>(at));
        batch.documents.push_back(document);
      }
      ++document;
    }
  batch.rows = 1;
  batch.length = static_cast<int64_t>(batch.tokens.size());

  std::vector<double> likelihoods(static_cast<size_t>(document), 0.0);
  const train::PassResult before = model->run(batch, {.gradients = false});
  for (size_t at = 0; at < batch.tokens.size(); ++at)
    likelihoods[static_cast<size_t>(batch.documents[at])] -= before.token_losses[at];
  std::vector<train::PreferencePair> pairs;
  for (size_t pair = 0; pair < likelihoods.size() / 2; ++pair) {
    const Json& policy = golden.at("policy_logprobs").at(pair);
    const Json& reference = golden.at("reference_logprobs").at(pair);
    EXPECT_NEAR(likelihoods[2 * pair], policy.at(0).get<double>(), 1e-4);
    EXPECT_NEAR(likelihoods[2 * pair + 1], policy.at(1).get<double>(), 1e-4);
    pairs.push_back({likelihoods[2 * pair], likelihoods[2 * pair + 1], reference.at(0), reference.at(1)});
  }
  const train::PreferenceLoss loss = train::preference_loss(pairs, golden.at("beta"));
  EXPECT_NEAR(loss.loss, golden.at("loss").get<double>(), kLossTolerance);
  for (size_t pair = 0; pair < pairs.size(); ++pair)
    EXPECT_NEAR(loss.margins[pair], golden.at("reward_margins").at(pair).get<double>(), 1e-4);

  // A token's loss is minus its log-probability.
  std::vector<float> weights;
  for (const int32_t of : batch.documents) {
    const auto pair = static_cast<size_t>(of / 2);
    weights.push_back(static_cast<float>(-(of % 2 == 0 ? loss.of_chosen[pair] : loss.of_rejected[pair])));
  }
  model->run(batch, {.token_weights = weights});
  expect_some_gradients(*model, folder_ / "preference" / "dpo_grads.safetensors");
}

INSTANTIATE_TEST_SUITE_P(Machines, GradientsTest, testing::ValuesIn(kernels::available_machines()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace paddock::test
