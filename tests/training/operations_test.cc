// SPDX-License-Identifier: Apache-2.0
// Each operation of training alone, against float64 and the tolerance that stands beside it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "kernels/choose.h"
#include "tests/training/trained.h"
#include "train/layer_pass.h"
#include "train/preference.h"

namespace paddock::test {
namespace {

using kernels::Address;
using kernels::Plane;
using kernels::Rows;

class OperationsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto reference = training_reference();
    if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
    folder_ = *reference / "ops";
    index_ = parse_json(read_text_file(folder_ / "index.json").value(), "index.json").value().at("operations");
    machine_ = kernels::make_machine(GetParam(), 2, true).value();
    trainer_ = kernels::make_trainer(GetParam(), 2).value();
  }

  // One case of an operation; its tensors are found by their short names.
  void open(const std::string& operation, const Json& one) {
    file_ = open_file(folder_ / index_.at(operation).at("file").get<std::string>());
    prefix_ = one.value("prefix", "");
    what_ = operation + " " + prefix_;
    of_outputs_ = one.at("tolerance").at("outputs");
    of_gradients_ = one.at("tolerance").at("gradients");
  }
  std::vector<Json> cases(const std::string& operation) const {
    const Json& entry = index_.at(operation);
    return entry.contains("cases") ? entry.at("cases").get<std::vector<Json>>() : std::vector<Json>{entry};
  }

  std::vector<float> given(const std::string& name) const { return floats_of(*file_, prefix_ + name).values; }
  std::vector<int32_t> integers(const std::string& name) const { return integers_of(*file_, prefix_ + name); }
  std::vector<int64_t> shape(const std::string& name) const { return file_->find(prefix_ + name)->view.shape; }

  Address put(std::span<const float> values) {
    buffers_.push_back(machine_->allocate(std::max<size_t>(4, values.size_bytes())).value());
    machine_->write(std::as_bytes(values), buffers_.back().address());
    return buffers_.back().address();
  }
  Address put(std::span<const int32_t> values) {
    buffers_.push_back(machine_->allocate(values.size_bytes()).value());
    machine_->write(std::as_bytes(values), buffers_.back().address());
    return buffers_.back().address();
  }
  Rows rows(std::span<const float> values, int64_t count) {
    return {put(values), count, static_cast<int64_t>(values.size()) / count};
  }
  Rows rows(const std::string& name) { return rows(given(name), shape(name)[0]); }
  Rows empty(int64_t count, int64_t width) {
    return rows(std::vector<float>(static_cast<size_t>(count * width), 0.0f), count);
  }
  std::vector<float> read(Address address, int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    machine_->read(address, std::as_writable_bytes(std::span(values)));
    return values;
  }
  std::vector<float> read(const Rows& rows) { return read(rows.address, rows.rows * rows.width); }

  void expect(std::span<const float> got, const std::string& name, double tolerance) {
    EXPECT_LE(relative_difference(got, given(name)), tolerance) << what_ << name;
  }
  void expect(const Rows& got, const std::string& name, double tolerance) { expect(read(got), name, tolerance); }
  void expect(double got, const std::string& name) {
    EXPECT_NEAR(got, given(name)[0], of_outputs_ * std::abs(given(name)[0])) << what_ << name;
  }

  std::filesystem::path folder_;
  Json index_;
  std::unique_ptr<kernels::Machine> machine_;
  std::unique_ptr<kernels::Trainer> trainer_;
  std::unique_ptr<checkpoint::Checkpoint> file_;
  std::vector<kernels::Buffer> buffers_;
  std::string prefix_, what_;
  double of_outputs_ = 0, of_gradients_ = 0;
};

TEST_P(OperationsTest, Norms) {
  for (const Json& one : cases("rms_norm")) {
    open("rms_norm", one);
    const Rows x = rows("x"), dy = rows("d_y"), dx = empty(x.rows, x.width);
    const Address weight = put(given("w")), dweight = put(std::vector<float>(given("w").size(), 0.0f));
    const float epsilon = one.at("constants").at("eps");
    trainer_->norm_backward({x, weight, x.width, epsilon, dy, dx, false, dweight});
    expect(dx, "grad_x", of_gradients_);
    expect(read(dweight, x.width), "grad_w", of_gradients_);
  }
  for (const Json& one : cases("qk_norm")) {
    open("qk_norm", one);
    const Rows x = rows("x"), dx = rows("d_y");  // dx in the place of dy
    trainer_->norm_backward({x, {}, shape("x")[2], one.at("constants").at("eps"), dx, dx, false, {}});
    expect(dx, "grad_x", of_gradients_);
  }
}

TEST_P(OperationsTest, Attention) {
  for (const Json& one : cases("attention")) {
    open("attention", one);
    const auto positions = integers("positions");
    const int64_t chunk = one.at("constants").value("chunk", 0);
    const auto tokens = static_cast<int64_t>(positions.size());
    const train::Batch batch{1, tokens, std::vector<int32_t>(positions.size()), {}, positions, integers("document")};
    const std::vector<int32_t> first = train::first_visible(batch, chunk);
    // The temperature scales queries before attention, and their gradient after it.
    std::vector<float> queries = given("q");
    const std::vector<float> temperature = file_->find(prefix_ + "temperature") != nullptr
                                               ? given("temperature")
                                               : std::vector<float>(positions.size(), 1.0f);
    const auto scaled = [&](std::vector<float> values) {
      const size_t width = values.size() / positions.size();
      for (size_t index = 0; index < values.size(); ++index) values[index] *= temperature[index / width];
      return values;
    };
    const Rows q = rows(scaled(queries), tokens), k = rows("k"), v = rows("v"), dout = rows("d_o");
    const Rows out = empty(tokens, q.width), lse = empty(tokens, shape("q")[1]);
    const Rows dq = empty(tokens, q.width), dk = empty(tokens, k.width), dv = empty(tokens, k.width);
    const kernels::AttendDocuments forward{
        q,   k,          v, shape("q")[1], shape("q")[2], first, 1.0f / std::sqrt(static_cast<float>(shape("q")[2])),
        out, lse.address};
    trainer_->attend(forward);
    trainer_->attend_backward({forward, dout, dq, dk, dv});
    expect(out, "o", of_outputs_);
    expect(lse, "lse", of_outputs_);
    expect(scaled(read(dq)), "grad_q", of_gradients_);
    expect(dk, "grad_k", of_gradients_);
    expect(dv, "grad_v", of_gradients_);
  }
}

TEST_P(OperationsTest, Experts) {
  for (const Json& one : cases("experts")) {
    open("experts", one);
    const auto offsets = integers("offsets");
    const Rows x = rows("x"), dy = rows("d_y"), y = empty(x.rows, x.width), dx = empty(x.rows, x.width);
    const int64_t experts = shape("down")[0], inner_width = shape("down")[1], width = x.width;
    const Rows gate_up = empty(x.rows, 2 * inner_width), inner = empty(x.rows, inner_width),
               dinner = empty(x.rows, inner_width);
    const Address w1 = put(given("gate_up")), w2 = put(given("down"));
    const Address dw1 = put(std::vector<float>(given("gate_up").size(), 0.0f));
    const Address dw2 = put(std::vector<float>(given("down").size(), 0.0f));
    const train::Linears linears(trainer_.get(), {}, false);
    const auto uses = [&](const Rows& from, const Rows& to, Address w, Address dw, int64_t inputs, int64_t outputs,
                          const Rows& gradient) {
      std::vector<train::Use> all;
      for (int64_t expert = 0; expert < experts; ++expert) {
        const auto at = static_cast<size_t>(expert);
        const int64_t first = offsets[at], count = offsets[at + 1] - first;
        const auto bytes = static_cast<size_t>(expert * inputs * outputs) * sizeof(float);
        all.push_back({{Plane::of(w.plus(bytes), inputs, outputs), Plane::of(dw.plus(bytes), inputs, outputs), {}},
                       Plane::of(from).rows_from(first, count),
                       Plane::of(to).rows_from(first, count),
                       Plane::of(gradient).rows_from(first, count)});
      }
      return all;
    };
    linears.forward(uses(x, gate_up, w1, dw1, width, 2 * inner_width, dx), false);
    trainer_->silu_product({gate_up, inner});
    linears.forward(uses(inner, y, w2, dw2, inner_width, width, dinner), false);
    expect(y, "y", of_outputs_);
    linears.backward(uses(inner, dy, w2, dw2, inner_width, width, dinner), false);
    trainer_->silu_product_backward({gate_up, dinner});
    linears.backward(uses(x, gate_up, w1, dw1, width, 2 * inner_width, dx), false);
    expect(dx, "grad_x", of_gradients_);
    expect(read(dw1, static_cast<int64_t>(given("gate_up").size())), "grad_gate_up", of_gradients_);
    expect(read(dw2, static_cast<int64_t>(given("down").size())), "grad_down", of_gradients_);
  }
}

// What the experts read, and through it the gate and the router.
TEST_P(OperationsTest, Router) {
  for (const Json& one : cases("router")) {
    open("router", one);
    const Rows x = rows("x"), scores = rows("scores");
    const auto chosen = integers("chosen");
    const int64_t k = shape("chosen")[1], experts = scores.width;
    const train::ExpertRows sorted = train::sort_by_expert(chosen, experts);
    const kernels::ExpertOrder order = sorted.order(k);
    const Address gates = put(given("gate"));
    const Rows routed = empty(x.rows * k, x.width);
    trainer_->dispatch({x, gates, order, routed});
    // The reference has its rows in the order of choices.
    const auto by_choice = [&](const std::vector<float>& values, bool to_rows) {
      std::vector<float> moved(values.size());
      for (size_t choice = 0; choice < sorted.row_of_choice.size(); ++choice) {
        const auto row = static_cast<size_t>(sorted.row_of_choice[choice]);
        const size_t from = to_rows ? choice : row, to = to_rows ? row : choice, width = static_cast<size_t>(x.width);
        std::copy_n(values.begin() + static_cast<int64_t>(from * width), width,
                    moved.begin() + static_cast<int64_t>(to * width));
      }
      return moved;
    };
    expect(by_choice(read(routed), false), "routed", of_outputs_);
    const Rows drouted = rows(by_choice(given("d_routed"), true), x.rows * k);
    const Rows dx = empty(x.rows, x.width), dgates = empty(x.rows, k), dscores = empty(x.rows, experts);
    trainer_->gate_gradients({drouted, x, order, dgates.address});
    std::vector<float> all_dgates = read({dgates.address, 1, x.rows * k});
    for (size_t index = 0; index < all_dgates.size(); ++index) all_dgates[index] += given("d_gate")[index];
    machine_->write(std::as_bytes(std::span(all_dgates)), dgates.address);
    trainer_->collect({drouted, gates, order, dx});
    trainer_->route_backward({.scores_TE = scores,
                              .routing = {put(chosen), gates, x.rows, k},
                              .dgates_TK = dgates.address,
                              .fractions = sorted.fractions,
                              .dscores_TE = dscores});
    const Address router = put(given("router")), drouter = put(std::vector<float>(given("router").size(), 0.0f));
    const train::Use use{
        {Plane::of(router, experts, x.width).transposed(), Plane::of(drouter, experts, x.width).transposed(), {}},
        Plane::of(x),
        Plane::of(dscores),
        Plane::of(dx)};
    train::Linears(trainer_.get(), {}, false).backward({&use, 1}, true);
    expect(dx, "grad_x", of_gradients_);
    expect(read(drouter, experts * x.width), "grad_router", of_gradients_);
  }
}

TEST_P(OperationsTest, Balance) {
  for (const Json& one : cases("balance")) {
    open("balance", one);
    const Rows scores = rows("scores"), dscores = empty(scores.rows, scores.width);
    const auto chosen = integers("chosen");
    const auto fractions = given("fraction");
    const train::ExpertRows sorted = train::sort_by_expert(chosen, scores.width);
    EXPECT_LE(relative_difference(sorted.fractions, fractions), 1e-6);
    const kernels::BalanceTerms terms = trainer_->balance({scores, fractions});
    expect(terms.balance, "aux");
    expect(terms.z, "z");
    const std::vector<float> none(chosen.size(), 0.0f);
    trainer_->route_backward({.scores_TE = scores,
                              .routing = {put(chosen), put(none), scores.rows, shape("chosen")[1]},
                              .dgates_TK = put(none),
                              .fractions = fractions,
                              .balance_weight = given("d_aux")[0],
                              .z_weight = given("d_z")[0],
                              .dscores_TE = dscores});
    expect(dscores, "grad_scores", of_gradients_);
  }
}

TEST_P(OperationsTest, Losses) {
  for (const std::string name : {"cross_entropy", "kl_topk"})
    for (const Json& one : cases(name)) {
      open(name, one);
      const Rows logits = rows("logits");
      const auto count = static_cast<size_t>(logits.rows);
      const bool distilled = name == "kl_topk";
      const std::vector<int32_t> targets = distilled ? std::vector<int32_t>(count, 0) : integers("targets");
      const auto counted = std::ranges::count_if(targets, [](int32_t target) { return target != kernels::kNoTarget; });
      const std::vector<float> weights(count, given("d_loss")[0] / static_cast<float>(counted));
      std::vector<double> losses(count), divergences(count);
      const kernels::TokenLoss hard{logits, targets, weights, losses};
      if (distilled) {
        const auto ids = integers("ids");
        const auto logprobs = given("logprobs"), tails = given("tail_logprob");
        trainer_->distilled_loss({.hard = hard,
                                  .ids = ids,
                                  .logprobs = logprobs,
                                  .tails = tails,
                                  .kept = shape("ids")[1],
                                  .temperature = one.at("constants").at("T"),
                                  .alpha = 1,
                                  .divergences = divergences});
        losses = divergences;
      } else {
        trainer_->token_loss(hard);
      }
      double sum = 0;
      for (const double loss : losses) sum += loss;
      expect(sum / static_cast<double>(counted), "loss");
      expect(logits, "grad_logits", of_gradients_);
    }
}

TEST_P(OperationsTest, Preference) {
  for (const Json& one : cases("dpo")) {
    open("dpo", one);
    const auto policy = given("policy"), reference = given("reference");
    std::vector<train::PreferencePair> pairs;
    for (size_t pair = 0; pair < policy.size() / 2; ++pair)
      pairs.push_back({policy[2 * pair], policy[2 * pair + 1], reference[2 * pair], reference[2 * pair + 1]});
    const train::PreferenceLoss result = train::preference_loss(pairs, one.at("constants").at("beta"));
    expect(result.loss, "loss");
    std::vector<float> gradients;
    for (size_t pair = 0; pair < pairs.size(); ++pair)
      for (const double each : {result.of_chosen[pair], result.of_rejected[pair]})
        gradients.push_back(static_cast<float>(each * given("d_loss")[0]));
    expect(gradients, "grad_policy", of_gradients_);
  }
}

TEST_P(OperationsTest, Embedding) {
  const Json one = cases("embedding").at(0);
  open("embedding", one);
  const Rows dx = rows("d_y"), dtable = empty(shape("weight")[0], shape("weight")[1]);
  trainer_->embed_backward({dx, integers("tokens"), dtable});
  expect(dtable, "grad_weight", of_gradients_);
}

TEST_P(OperationsTest, AdamW) {
  const Json& about = index_.at("adamw");
  file_ = open_file(folder_ / "adamw.safetensors");
  for (const std::string name : {"matrix", "norm"}) {
    const auto count = static_cast<int64_t>(given(name + ".0").size());
    const std::vector<float> none(static_cast<size_t>(count), 0.0f);
    const Address weights = put(given(name + ".0")), first = put(none), second = put(none);
    for (int64_t step = 1; step <= 3; ++step) {
      const std::string at = "." + std::to_string(step);
      const double norm = about.at("gradient_norms").at(static_cast<size_t>(step - 1));
      trainer_->adamw({.weights = weights,
                       .gradients = put(given(name + ".grad" + at)),
                       .first_moments = first,
                       .second_moments = second,
                       .count = count,
                       .step = step,
                       .rate = 1e-3,
                       .decay = name == "matrix" ? 0.1 : 0,
                       .clip = std::min(1.0, 1 / (norm + 1e-6))});
      expect(read(weights, count), name + at, 1e-6);
      expect(read(first, count), name + ".m" + at, 1e-6);
      expect(read(second, count), name + ".v" + at, 1e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, OperationsTest, testing::ValuesIn(kernels::available_machines()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace paddock::test
