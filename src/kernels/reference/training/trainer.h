// SPDX-License-Identifier: Apache-2.0
#pragma once
// The plain trainer: every operation as its contract says it, in simple loops, summed in double. It runs anywhere and
// is what the others are held to.

#include "base/thread_pool.h"
#include "kernels/contracts/training/trainer.h"

namespace paddock::kernels {

class ReferenceTrainer : public Trainer {
 public:
  // `threads` as ThreadPool: 0 means all processors.
  explicit ReferenceTrainer(int threads) : pool_(threads) {}

  std::string_view name() const override { return "reference"; }

  void multiply(const Multiply& op) override;
  void norm_backward(const NormBackward& op) override;
  void attend(const AttendDocuments& op) override;
  void attend_backward(const AttendDocumentsBackward& op) override;
  void silu_product(const SiluProduct& op) override;
  void silu_product_backward(const SiluProductBackward& op) override;
  void dispatch(const Dispatch& op) override;
  void collect(const Collect& op) override;
  void gate_gradients(const GateGradients& op) override;
  BalanceTerms balance(const Balance& op) override;
  void route_backward(const RouteBackward& op) override;
  void token_loss(const TokenLoss& op) override;
  void distilled_loss(const DistilledLoss& op) override;
  void embed_backward(const EmbedBackward& op) override;
  void adamw(const AdamW& op) override;
  double sum_of_squares(Address numbers, int64_t count) override;
  void copy(Address from, Address to, int64_t count) override;
  void average(Address from, Address to, int64_t count, float keep) override;
  void clear(Address numbers, int64_t count) override;

 protected:
  // Numbers `begin` to `begin` + `count` of the operation, whose moments lie here as float32.
  virtual void adamw_numbers(const AdamW& op, int64_t begin, int64_t count, float* first, float* second) const;

  ThreadPool pool_;
};

}  // namespace paddock::kernels
