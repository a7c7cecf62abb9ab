// SPDX-License-Identifier: Apache-2.0
#pragma once
// The trainer of an ordinary processor: the reference's operations, done by what the processor has. Sums of products
// are in float32, in steps of a fixed depth.

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "kernels/reference/training/trainer.h"
#include "kernels/vector/training_kernels.h"

namespace paddock::kernels {

// Bytes from a cache line on; what was in them is lost when they grow.
class PackedMemory {
 public:
  std::byte* of(size_t bytes);

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t bytes_ = 0;
};

// What a thread works with in attention; what it holds keeps its size from call to call.
class AttentionScratch;

class VectorTrainer : public ReferenceTrainer {
 public:
  // `rounded` null: products that may be rounded are not.
  VectorTrainer(const char* name, const TrainingKernels& kernels, const TrainingProducts* rounded, int threads)
      : ReferenceTrainer(threads),
        name_(name),
        kernels_(kernels),
        rounded_(rounded == nullptr ? kernels.products : *rounded) {}

  std::string_view name() const override { return name_; }

  void multiply(const Multiply& op) override;
  void attend(const AttendDocuments& op) override;
  void attend_backward(const AttendDocumentsBackward& op) override;
  void silu_product(const SiluProduct& op) override;
  void silu_product_backward(const SiluProductBackward& op) override;
  void norm_backward(const NormBackward& op) override;
  void token_loss(const TokenLoss& op) override;
  void distilled_loss(const DistilledLoss& op) override;

 protected:
  void adamw_numbers(const AdamW& op, int64_t begin, int64_t count, float* first, float* second) const override;

 private:
  struct Slice;
  void distilled_row(const DistilledLoss& op, int64_t row);
  void multiply_slices(std::vector<Slice> slices, const TrainingProducts& products, bool add);

  const char* name_;
  const TrainingKernels& kernels_;
  const TrainingProducts& rounded_;
  PackedMemory packed_;                                               // B of the products in hand
  std::vector<PackedMemory> scratch_;                                 // A, of each thread
  std::vector<std::shared_ptr<AttentionScratch>> attention_scratch_;  // of each thread
};

}  // namespace paddock::kernels
