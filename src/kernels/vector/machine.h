// SPDX-License-Identifier: Apache-2.0
#pragma once
// The reference with wider registers: float32 products by AVX2 or AVX-512, each bit as the reference has it. All other
// operations are the reference's.

#include <string>

#include "kernels/reference/machine.h"
#include "kernels/vector/float_kernels.h"

namespace paddock::kernels {

class VectorMachine : public ReferenceMachine {
 public:
  // `name` as users choose it; `kernels` of what the processor has.
  VectorMachine(std::string name, const FloatKernels& kernels, int threads)
      : ReferenceMachine(threads), name_(std::move(name)), kernels_(kernels) {}

  std::string_view name() const override { return name_; }
  std::string path_of(tensor::DType dtype) const override;

 protected:
  void multiply(const Rows& x, const Matrix& weights, const Rows& y, bool add) override;

 private:
  void multiply_output_major(const Rows& x, const Matrix& weights, const Rows& y, bool add);
  void multiply_input_major(const Rows& x, const Matrix& weights, const Rows& y, bool add);

  std::string name_;
  const FloatKernels& kernels_;
};

}  // namespace paddock::kernels
