// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a dense Llama model is to become.

#include <cstdint>
#include <vector>

#include "tensor/dtype.h"

namespace paddock::upcycle {

// What routed experts begin as.
enum class ExpertStart : uint8_t {
  kSlices,  // neurons of the dense MLP, dealt out
  kNoise,   // small random numbers in front, zeros behind
};

struct UpcycleWishes {
  int64_t experts = 16;           // E
  int64_t expert_width = 0;       // F of routed and shared experts; 0: that of the dense MLP
  int64_t experts_per_token = 1;  // K
  int64_t mlp_width = 0;          // neurons that layers without experts keep, the strongest; 0: all
  // Of each layer of the dense model how strongly each neuron answers on a text that stands for the work: the root of
  // the mean square of silu(gate x) * (up x) [F]. Empty: weights alone say which neurons are strong.
  std::vector<std::vector<float>> neuron_use;
  ExpertStart start = ExpertStart::kSlices;
  int64_t moe_every = 1;                       // every so manieth layer has experts, the others keep their MLP
  int64_t nope_every = 4;                      // every so manieth layer is without rotation; 0: none
  int64_t chunk = 8192;                        // positions that layers with rotation see; 0: all
  bool qk_norm = false;                        // queries and keys of layers with rotation are normalised
  std::vector<int64_t> layers;                 // of the dense model, that are kept, in this order; empty: all
  uint64_t seed = 1;                           // of routers and of noise
  tensor::DType dtype = tensor::DType::kBF16;  // or kF32
};

}  // namespace paddock::upcycle
