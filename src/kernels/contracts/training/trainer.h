// SPDX-License-Identifier: Apache-2.0
#pragma once
// The operations that training needs beside those of a machine (kernels/contracts/machine.h): products of float32
// matrices and the backward pass. `reference` is the plain one and never removed.

#include <span>
#include <string_view>

#include "kernels/contracts/training/adamw.h"
#include "kernels/contracts/training/attend_documents.h"
#include "kernels/contracts/training/balance.h"
#include "kernels/contracts/training/dispatch.h"
#include "kernels/contracts/training/embed_backward.h"
#include "kernels/contracts/training/multiply.h"
#include "kernels/contracts/training/norm_backward.h"
#include "kernels/contracts/training/silu.h"
#include "kernels/contracts/training/token_loss.h"

namespace paddock::kernels {

// Works on the memory of the machine that it was made beside. Used by one thread at a time; operations have finished
// when they return. Results do not depend on the number of threads.
class Trainer {
 public:
  virtual ~Trainer() = default;

  virtual std::string_view name() const = 0;

  virtual void multiply(const Multiply& op) = 0;
  virtual void norm_backward(const NormBackward& op) = 0;
  virtual void attend(const AttendDocuments& op) = 0;
  virtual void attend_backward(const AttendDocumentsBackward& op) = 0;
  virtual void silu_product(const SiluProduct& op) = 0;
  virtual void silu_product_backward(const SiluProductBackward& op) = 0;
  virtual void dispatch(const Dispatch& op) = 0;
  virtual void collect(const Collect& op) = 0;
  virtual void gate_gradients(const GateGradients& op) = 0;
  virtual BalanceTerms balance(const Balance& op) = 0;
  virtual void route_backward(const RouteBackward& op) = 0;
  virtual void token_loss(const TokenLoss& op) = 0;
  virtual void distilled_loss(const DistilledLoss& op) = 0;
  virtual void embed_backward(const EmbedBackward& op) = 0;
  virtual void adamw(const AdamW& op) = 0;

  // Of float32 [count], in double.
  virtual double sum_of_squares(Address numbers, int64_t count) = 0;
  // to = from, float32 [count].
  virtual void copy(Address from, Address to, int64_t count) = 0;
  // to = keep to + (1 - keep) from
  virtual void average(Address from, Address to, int64_t count, float keep) = 0;
  virtual void clear(Address numbers, int64_t count) = 0;
};

}  // namespace paddock::kernels
