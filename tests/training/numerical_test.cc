// SPDX-License-Identifier: Apache-2.0
// Gradients against differences of the loss itself: what needs no reference, and sees a gradient that two people
// derived wrongly in the same way.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "kernels/reference/machine.h"
#include "kernels/reference/training/trainer.h"
#include "tests/training/trained.h"

namespace paddock::test {
namespace {

using Numbers = std::vector<float>;

Numbers random_numbers(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Numbers numbers(count);
  for (float& number : numbers) number = normal(random);
  return numbers;
}

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (size_t index = 0; index < a.size(); ++index) sum += static_cast<double>(a[index]) * b[index];
  return sum;
}

// loss(x) has the gradient `gradient` at x: along a random direction, and by a difference from both sides.
void expect_gradient(const std::function<double(const Numbers&)>& loss, const Numbers& x, const Numbers& gradient,
                     const std::string& what, float step = 1e-2f, double tolerance = 2e-3) {
  const Numbers direction = random_numbers(x.size(), 99);
  const auto moved = [&](float by) {
    Numbers at = x;
    for (size_t index = 0; index < at.size(); ++index) at[index] += by * direction[index];
    return at;
  };
  const double difference = (loss(moved(step)) - loss(moved(-step))) / (2 * static_cast<double>(step));
  const double scale = std::sqrt(dot(gradient, gradient) * dot(direction, direction));
  EXPECT_NEAR(dot(gradient, direction), difference, tolerance * scale) << what;
}

class NumericalTest : public testing::Test {
 protected:
  kernels::Rows put(const Numbers& numbers, int64_t rows) {
    buffers_.push_back(machine_.allocate(numbers.size() * sizeof(float)).value());
    machine_.write(std::as_bytes(std::span(numbers)), buffers_.back().address());
    return {buffers_.back().address(), rows, static_cast<int64_t>(numbers.size()) / rows};
  }
  Numbers read(const kernels::Rows& rows) {
    Numbers numbers(static_cast<size_t>(rows.rows * rows.width));
    machine_.read(rows.address, std::as_writable_bytes(std::span(numbers)));
    return numbers;
  }

  kernels::ReferenceMachine machine_{1};
  kernels::ReferenceTrainer trainer_{1};
  std::vector<kernels::Buffer> buffers_;
};

TEST_F(NumericalTest, Norm) {
  constexpr int64_t kRows = 5, kWidth = 12;
  const Numbers x = random_numbers(kRows * kWidth, 1), weight = random_numbers(kWidth, 2),
                dy = random_numbers(kRows * kWidth, 3);
  const auto loss = [&](const Numbers& of_x, const Numbers& of_weight) {
    const kernels::Rows y = put(of_x, kRows);
    machine_.rms_norm({y, {put(of_weight, 1).address, tensor::DType::kF32, kWidth}, 1e-5f, y});
    return dot(read(y), dy);
  };
  const kernels::Rows dx = put(x, kRows), dweight = put(Numbers(kWidth, 0.0f), 1);
  trainer_.norm_backward(
      {put(x, kRows), put(weight, 1).address, kWidth, 1e-5f, put(dy, kRows), dx, false, dweight.address});
  expect_gradient([&](const Numbers& at) { return loss(at, weight); }, x, read(dx), "x");
  expect_gradient([&](const Numbers& at) { return loss(x, at); }, weight, read(dweight), "weight");
}

TEST_F(NumericalTest, Attention) {
  constexpr int64_t kTokens = 9, kHeads = 4, kWidth = 6;
  const std::vector<int32_t> first = {0, 0, 0, 3, 3, 3, 3, 7, 7};
  const Numbers q = random_numbers(kTokens * kHeads * kWidth, 1), k = random_numbers(kTokens * 2 * kWidth, 2),
                v = random_numbers(kTokens * 2 * kWidth, 3), dout = random_numbers(q.size(), 4);
  const auto forward_of = [&](const Numbers& of_q, const Numbers& of_k, const Numbers& of_v) {
    return kernels::AttendDocuments{put(of_q, kTokens),
                                    put(of_k, kTokens),
                                    put(of_v, kTokens),
                                    kHeads,
                                    kWidth,
                                    first,
                                    0.4f,
                                    put(Numbers(q.size(), 0.0f), kTokens),
                                    put(Numbers(kTokens * kHeads, 0.0f), kTokens).address};
  };
  const auto loss = [&](const Numbers& of_q, const Numbers& of_k, const Numbers& of_v) {
    const kernels::AttendDocuments op = forward_of(of_q, of_k, of_v);
    trainer_.attend(op);
    return dot(read(op.out), dout);
  };
  const kernels::AttendDocuments op = forward_of(q, k, v);
  trainer_.attend(op);
  const kernels::Rows dq = put(q, kTokens), dk = put(k, kTokens), dv = put(v, kTokens);
  trainer_.attend_backward({op, put(dout, kTokens), dq, dk, dv});
  expect_gradient([&](const Numbers& at) { return loss(at, k, v); }, q, read(dq), "q");
  expect_gradient([&](const Numbers& at) { return loss(q, at, v); }, k, read(dk), "k");
  expect_gradient([&](const Numbers& at) { return loss(q, k, at); }, v, read(dv), "v");
}

TEST_F(NumericalTest, SiluProduct) {
  constexpr int64_t kRows = 4, kWidth = 7;
  const Numbers gate_up = random_numbers(2 * kRows * kWidth, 1), dinner = random_numbers(kRows * kWidth, 2);
  const kernels::Rows gradient = put(gate_up, kRows);
  trainer_.silu_product_backward({gradient, put(dinner, kRows)});
  expect_gradient(
      [&](const Numbers& at) {
        const kernels::Rows inner = put(dinner, kRows);
        trainer_.silu_product({put(at, kRows), inner});
        return dot(read(inner), dinner);
      },
      gate_up, read(gradient), "gate and up");
}

TEST_F(NumericalTest, Losses) {
  constexpr int64_t kRows = 6, kVocabulary = 20, kKept = 3;
  const Numbers logits = random_numbers(kRows * kVocabulary, 1), weights = random_numbers(kRows, 2);
  const std::vector<int32_t> targets = {3, kernels::kNoTarget, 0, 19, 7, 7},
                             ids = {1, 3, 5, 0, 1, 2, 9, 0, 4, 19, 18, 17, 7, 8, 9, 2, 7, 6};
  const Numbers logprobs(kRows * kKept, std::log(0.2f)), tails(kRows, std::log(0.4f));
  for (const bool distilled : {false, true}) {
    const auto run = [&](const Numbers& at, bool gradient, std::vector<double>* losses) {
      const kernels::Rows rows = put(at, kRows);
      std::vector<double> hard_losses(kRows), divergences(kRows);
      const kernels::TokenLoss hard{rows, targets,
                                    gradient ? std::span<const float>(weights) : std::span<const float>(), hard_losses};
      *losses = std::vector<double>(kRows);
      if (distilled) {
        trainer_.distilled_loss({hard, ids, logprobs, tails, kKept, 1.7f, 0.6f, divergences});
      } else {
        trainer_.token_loss(hard);
      }
      for (size_t row = 0; row < kRows; ++row)
        (*losses)[row] =
            distilled ? 0.6f * divergences[row] + (1 - static_cast<double>(0.6f)) * hard_losses[row] : hard_losses[row];
      return rows;
    };
    std::vector<double> losses;
    const Numbers gradient = read(run(logits, true, &losses));
    expect_gradient(
        [&](const Numbers& at) {
          run(at, false, &losses);
          double sum = 0;
          for (size_t row = 0; row < kRows; ++row) sum += losses[row] * weights[row];
          return sum;
        },
        logits, gradient, distilled ? "distilled" : "hard");
  }
}

// Every tensor of a whole model, through everything that lies between it and the loss. Steps are small, so that no
// token changes its expert.
TEST_F(NumericalTest, EveryTensorOfAModel) {
#ifdef PADDOCK_SANITIZED
  GTEST_SKIP() << "instrumented code takes minutes, and the same passes run in other tests";
#endif
  const auto reference = training_reference();
  if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
  for (const std::string name : {"micro", "micro-interleaved"}) {
    const auto model = Trained::load(*reference / name, "reference");
    ASSERT_NE(model, nullptr);
    const train::Batch batch = batch_of(*open_file(*reference / name / "batches.safetensors"));
    const train::PassWishes wishes{.balance_weight = 0.01f, .z_weight = 0.001f};
    train::PassWishes forward = wishes;
    forward.gradients = false;
    model->run(batch, wishes);
    for (const train::TrainedTensor& tensor : model->bench->tensors()) {
      const kernels::Address place =
          model->bench->trained_weights().plus(static_cast<size_t>(tensor.offset) * sizeof(float));
      const Numbers weights = model->bench->read(place, tensor.count);
      const auto set = [&](const Numbers& at) { model->machine->write(std::as_bytes(std::span(at)), place); };
      expect_gradient(
          [&](const Numbers& at) {
            set(at);
            return model->run(batch, forward).loss;
          },
          weights, model->gradient(tensor), name + " " + tensor.name, 1e-5f, 0.02);
      set(weights);
    }
  }
}

}  // namespace
}  // namespace paddock::test
