// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the weights that inference runs on, whatever stores them, to the float32 numbers that training works on and
// files are written from.

#include <span>

#include "base/thread_pool.h"
#include "llama4/model.h"
#include "train/parameters.h"

namespace paddock::train {

// Which numbers of a head turn together where the layout is Hugging Face's. GGUF files of the llama family have the
// rows of queries and keys in another order; reading puts them back, so that adapters and files fit.
kernels::RopePairs hugging_face_pairs(const llama4::Config& config);

// Rows are decoded by the pool's threads, where there is one.

// Fills the block [list.floats()] with the model's weights.
void read_weights(const llama4::Model& model, const ParameterList& list, std::span<float> block,
                  ThreadPool* pool = nullptr);

// One piece of a parameter: an expert of those that have three dimensions, else all of it.
inline int64_t pieces_of(const Parameter& parameter) { return parameter.shape.size() == 3 ? parameter.shape[0] : 1; }
void read_piece(const llama4::Model& model, const ParameterList& list, size_t parameter, int64_t piece,
                std::span<float> values, ThreadPool* pool = nullptr);

}  // namespace paddock::train
