// SPDX-License-Identifier: Apache-2.0
#pragma once
// The trainer of an ordinary processor: the reference's operations, done by what the processor has. Sums of products
// are in float32, in steps of a fixed depth.

#include <string>
#include <vector>

#include "kernels/reference/training/trainer.h"
#include "kernels/vector/training_kernels.h"

namespace paddock::kernels {

class VectorTrainer : public ReferenceTrainer {
 public:
  VectorTrainer(const char* name, const TrainingKernels& kernels, int threads)
      : ReferenceTrainer(threads), name_(name), kernels_(kernels) {}

  std::string_view name() const override { return name_; }

  void multiply(const Multiply& op) override;
  void attend(const AttendDocuments& op) override;
  void attend_backward(const AttendDocumentsBackward& op) override;
  void silu_product(const SiluProduct& op) override;
  void silu_product_backward(const SiluProductBackward& op) override;
  void norm_backward(const NormBackward& op) override;
  void token_loss(const TokenLoss& op) override;
  void adamw(const AdamW& op) override;

 private:
  struct Slice;
  void multiply_slices(std::span<const Slice> slices, bool add);

  const char* name_;
  const TrainingKernels& kernels_;
  std::vector<float> packed_;                // B of the products in hand
  std::vector<std::vector<float>> scratch_;  // A, of each thread
};

}  // namespace paddock::kernels
