// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of an upcycled model from those of a dense one.
//
// Llama 4 adds y = shared(x) + sum over the chosen experts of mlp_e(g x), g = sigmoid(router x). The gate scales the
// INPUT, and SwiGLU is not homogeneous: down(silu(g a) (g b)) is not g^n down(silu(a) b) for any n, so that no weights
// undo an arbitrary gate. What can be had:
//
// - Exact, whatever the router says: the shared expert is the whole MLP, and the routed experts' down projections are
//   0. What stands before them does not matter for the start, but for how they learn: slices are neurons that have
//   meanings already, noise has none.
// - Near, where the shared expert is narrower than the MLP: a slice's gate and up rows are doubled, which undoes the
//   gate where it is 1/2, as it is for a router near 0; its down columns stay. Each token then has the strongest
//   neurons and K slices of the rest. Scaling slices up so that they stand for the absent ones would be right on
//   average and further away for every token, as neurons are nearly uncorrelated.
//
// Routers are small noise: a zero router would send every token to expert 0, a large one would move gates from 1/2.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "llama4/config.h"
#include "tensor/shape.h"
#include "train/parameters.h"
#include "upcycle/wishes.h"

namespace paddock::upcycle {

// The dense model's parameters, float32 in one block under Hugging Face's names.
struct DenseWeights {
  const llama4::Config* config = nullptr;
  const train::ParameterList* parameters = nullptr;
  std::span<const float> block;

  std::span<const float> of(size_t parameter) const;
};

// The numbers of parameter `index` of `target`, the list of the upcycled configuration. Rows of queries and keys are
// put into the order in which Llama 4 pairs them for rotation.
class UpcycledWeights {
 public:
  UpcycledWeights(const DenseWeights& dense, const llama4::Config& config, const train::ParameterList& target,
                  const UpcycleWishes& wishes);

  // Calls `take` for each parameter, one after another.
  void each(const std::function<void(const train::Parameter&, std::span<const float>)>& take) const;

 private:
  struct Layer;
  void attention(const Layer& layer, const std::function<void(size_t, std::span<const float>)>& take) const;
  void experts(const Layer& layer, const std::function<void(size_t, std::span<const float>)>& take) const;
  std::vector<float> strengths(const Layer& layer) const;
  std::vector<float> interleaved(std::span<const float> matrix, int64_t heads) const;

  const DenseWeights& dense_;
  const llama4::Config& config_;
  const train::ParameterList& target_;
  const UpcycleWishes& wishes_;
};

}  // namespace paddock::upcycle
