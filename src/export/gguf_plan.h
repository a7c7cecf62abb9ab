// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model's tensors as llama.cpp names and lays them out.

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tensor_to_write.h"
#include "export/model_source.h"

namespace paddock::exporting {

// How the numbers of a tensor come from those of a parameter.
enum class From {
  kAsItIs,       // rows as they are
  kHalves,       // rows of heads whose pairs lie in halves become neighbours; `heads` says how many heads
  kGate,         // of experts [E, D, 2 F] the left outputs, turned: [E, F, D]
  kUp,           // the right ones
  kDown,         // [E, F, D] turned: [E, D, F]
  kRopeFactors,  // no parameter: what rotary frequencies are divided by
};

struct GgufTensor {
  checkpoint::PlannedTensor planned;
  From from = From::kAsItIs;
  size_t parameter = train::kNoParameter;
  int64_t heads = 0;
  tensor::DType wanted = tensor::DType::kF32;  // before a type stood in for it
};

// In the order of layers. Norms and rotary factors are F32, other tensors what storage.h says, but for the head, or the
// embedding where it is the head, where `head` is given.
std::vector<GgufTensor> plan_gguf(const ModelSource& source, tensor::DType type, std::optional<tensor::DType> head);

// [H / 2] by which the base's frequencies are divided; empty where all are 1.
std::vector<float> rope_factors(const llama4::Config& config);

}  // namespace paddock::exporting
