// SPDX-License-Identifier: Apache-2.0
#include "train/pass.h"

#include <algorithm>

#include "base/check.h"
#include "train/layer_pass.h"

namespace paddock::train {
namespace {

using kernels::Plane;
using kernels::Rows;

// One batch on its way.
class PassInFlight {
 public:
  PassInFlight(const TrainedModel& model, const TapeWishes& tape_wishes, Tape tape, const Batch& batch,
               const PassWishes& wishes, const Pass::LogitsObserver& observer)
      : model_(model),
        config_(*model.config),
        trainer_(*model.trainer),
        tape_wishes_(tape_wishes),
        tape_(std::move(tape)),
        batch_(batch),
        wishes_(wishes),
        observer_(observer),
        facts_(facts_of(batch, config_)) {
    result_.targets = target_count(batch);
    const float each = result_.targets == 0 ? 0.0f : static_cast<float>(1.0 / static_cast<double>(result_.targets));
    weights_.assign(static_cast<size_t>(batch.count()), each);
    if (!wishes.token_weights.empty()) weights_.assign(wishes.token_weights.begin(), wishes.token_weights.end());
    CHECK(static_cast<int64_t>(weights_.size()) == batch.count());
    moe_layers_ = std::ranges::count_if(config_.layers, [](const auto& plan) { return plan.moe; });
  }

  PassResult run() {
    forward();
    head();
    if (wishes_.gradients) backward();
    sum_up();
    return std::move(result_);
  }

 private:
  LayerPass layer_pass(size_t layer) {
    if (model_.frozen != nullptr) model_.frozen->take_layer(layer);
    return LayerPass(model_, layer, &tape_.layers[layer], tape_.work, facts_);
  }
  const Rows& output_of(size_t layer) const {
    return layer + 1 < tape_.layers.size() ? tape_.layers[layer + 1].x : tape_.last;
  }
  float of_each_moe_layer(float weight) const {
    return moe_layers_ == 0 ? 0.0f : weight / static_cast<float>(moe_layers_);
  }

  void forward() {
    model_.machine->embed({.table_VD = table(), .tokens = batch_.tokens, .x_TD = output_of_embedding()});
    for (size_t layer = 0; layer < tape_.layers.size(); ++layer) {
      LayerPass pass = layer_pass(layer);
      experts_.push_back(pass.forward(output_of(layer)));
      result_.tokens_per_expert.emplace_back();
      if (!config_.layers[layer].moe) continue;
      for (size_t expert = 0; expert < experts_.back().fractions.size(); ++expert)
        result_.tokens_per_expert.back().push_back(experts_.back().rows_of(expert));
      const kernels::BalanceTerms terms = pass.balance(experts_.back());
      result_.balance += terms.balance / static_cast<double>(moe_layers_);
      result_.z += terms.z / static_cast<double>(moe_layers_);
    }
  }

  // Losses, and with gradients the gradient of what the head reads, in dnormed.
  void head() {
    const auto count = static_cast<size_t>(batch_.count());
    result_.token_losses.resize(count);
    divergences_.assign(count, 0.0);
    const Rows& normed = tape_.work.normed;
    model_.machine->rms_norm(
        {.x_TD = tape_.last,
         .weight_D = {model_.weight_address(model_.parameters->final_norm), tensor::DType::kF32, config_.width},
         .epsilon = config_.norm_epsilon,
         .y_TD = normed});
    const int64_t at_once = tape_.work.logits.rows;
    for (int64_t first = 0; first < batch_.count(); first += at_once)
      head_rows(first, std::min(at_once, batch_.count() - first));
  }

  void head_rows(int64_t first, int64_t count) {
    const Linears linears(model_.trainer, tape_.work.update_scratch, model_.rounded);
    const Rows logits = tape_.work.logits.first(count);
    Use use{model_.weight(model_.parameters->head), Plane::of(tape_.work.normed).rows_from(first, count),
            Plane::of(logits)};
    linears.forward({&use, 1}, false);
    if (observer_) observer_(first, logits);
    losses(first, logits);
    if (!wishes_.gradients) return;
    use.dx = Plane::of(tape_.work.dnormed).rows_from(first, count);
    linears.backward({&use, 1}, false);
  }

  void losses(int64_t first, const Rows& logits) {
    const auto at = static_cast<size_t>(first), count = static_cast<size_t>(logits.rows);
    const kernels::TokenLoss hard{
        .logits_RV = logits,
        .targets = std::span(batch_.targets).subspan(at, count),
        .weights = wishes_.gradients ? std::span<const float>(weights_).subspan(at, count) : std::span<const float>(),
        .losses = std::span(result_.token_losses).subspan(at, count)};
    if (!wishes_.teacher) return trainer_.token_loss(hard);
    const TeacherSays& teacher = *wishes_.teacher;
    const auto kept = static_cast<size_t>(teacher.kept);
    trainer_.distilled_loss({.hard = hard,
                             .ids = teacher.ids.subspan(at * kept, count * kept),
                             .logprobs = teacher.logprobs.subspan(at * kept, count * kept),
                             .tails = teacher.tails.subspan(at, count),
                             .kept = teacher.kept,
                             .temperature = teacher.temperature,
                             .alpha = teacher.alpha,
                             .divergences = std::span(divergences_).subspan(at, count),
                             .alphas = teacher.alphas.empty() ? teacher.alphas : teacher.alphas.subspan(at, count)});
  }

  void backward() {
    const Rows& dx = tape_.work.dx;
    trainer_.norm_backward({.x = tape_.last,
                            .weight = model_.weight_address(model_.parameters->final_norm),
                            .group = config_.width,
                            .epsilon = config_.norm_epsilon,
                            .dy = tape_.work.dnormed,
                            .dx = dx,
                            .add = false,
                            .dweight = model_.gradient_address(model_.parameters->final_norm)});
    for (size_t layer = tape_.layers.size(); layer-- > 0;) {
      LayerPass pass = layer_pass(layer);
      if (tape_wishes_.recompute) pass.forward(scratch_output());
      pass.backward(experts_[layer], of_each_moe_layer(wishes_.balance_weight), of_each_moe_layer(wishes_.z_weight));
    }
    if (model_.gradients.is_null()) return;
    trainer_.embed_backward(
        {.dx_TD = dx,
         .tokens = batch_.tokens,
         .dtable_VD = {model_.gradient_address(model_.parameters->embedding), config_.vocabulary, config_.width}});
  }

  void sum_up() {
    if (result_.targets > 0) {
      for (const double loss : result_.token_losses) result_.cross_entropy += loss;
      for (const double each : divergences_) result_.divergence += each;
      result_.cross_entropy /= static_cast<double>(result_.targets);
      result_.divergence /= static_cast<double>(result_.targets);
    }
    result_.token_loss = loss_of_tokens();
    result_.loss = result_.token_loss + wishes_.balance_weight * result_.balance + wishes_.z_weight * result_.z;
  }

  // Mean over targets of what each token's loss is made of.
  double loss_of_tokens() const {
    const double alpha = wishes_.teacher ? wishes_.teacher->alpha : 0;
    if (!wishes_.teacher || wishes_.teacher->alphas.empty() || result_.targets == 0)
      return alpha * result_.divergence + (1 - alpha) * result_.cross_entropy;
    double sum = 0;
    for (size_t token = 0; token < divergences_.size(); ++token) {
      const double of_token = wishes_.teacher->alphas[token];
      sum += of_token * divergences_[token] + (1 - of_token) * result_.token_losses[token];
    }
    return sum / static_cast<double>(result_.targets);
  }

  kernels::Matrix table() const {
    return {.weights = model_.weight_address(model_.parameters->embedding),
            .dtype = tensor::DType::kF32,
            .outputs = config_.vocabulary,
            .inputs = config_.width,
            .row_stride = static_cast<size_t>(config_.width) * sizeof(float)};
  }
  const Rows& output_of_embedding() const { return tape_.layers.empty() ? tape_.last : tape_.layers.front().x; }
  // What a layer that is computed again writes is known already: it may lie where nobody reads any more.
  const Rows& scratch_output() const { return tape_.last; }

  const TrainedModel& model_;
  const llama4::Config& config_;
  kernels::Trainer& trainer_;
  const TapeWishes& tape_wishes_;
  Tape tape_;
  const Batch& batch_;
  const PassWishes& wishes_;
  const Pass::LogitsObserver& observer_;
  BatchFacts facts_;
  int64_t moe_layers_ = 0;
  std::vector<float> weights_;
  std::vector<double> divergences_;
  std::vector<ExpertRows> experts_;
  PassResult result_;
};

}  // namespace

size_t Pass::bytes(const llama4::Config& config, const TapeWishes& wishes) {
  size_t bytes = 0;
  lay_out_tape(config, wishes, {}, &bytes);
  return bytes;
}

Result<Pass> Pass::create(const TrainedModel& model, const TapeWishes& wishes) {
  CHECK(wishes.tokens > 0 && wishes.logits_rows > 0);
  kernels::Buffer memory = TRY(model.machine->allocate(bytes(*model.config, wishes)));
  return Pass(model, wishes, std::move(memory));
}

Pass::Pass(const TrainedModel& model, const TapeWishes& wishes, kernels::Buffer memory)
    : model_(model), wishes_(wishes), memory_(std::move(memory)) {}

PassResult Pass::run(const Batch& batch, const PassWishes& wishes) {
  CHECK(batch.count() <= wishes_.tokens);
  TapeWishes now = wishes_;
  now.tokens = batch.count();
  now.logits_rows = std::min(now.logits_rows, batch.count());
  size_t bytes = 0;
  Tape tape = lay_out_tape(*model_.config, now, memory_.address(), &bytes);
  CHECK(bytes <= memory_.bytes());
  return PassInFlight(model_, now, std::move(tape), batch, wishes, observer_).run();
}

}  // namespace paddock::train
