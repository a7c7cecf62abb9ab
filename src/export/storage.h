// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which type each tensor of a GGUF file is stored as.

#include <optional>
#include <string_view>

#include "tensor/dtype.h"

namespace paddock::exporting {

// What a tensor does in the model, where that decides about its type.
enum class Role { kNorm, kRouter, kEmbedding, kHead, kAttentionValues, kDown, kOther };

// What a user asks for: "q4_k" and the like, in either case. Missing for what cannot be written.
std::optional<tensor::DType> storage_type(std::string_view text);

// Norms and routers are F32. Under the K-quants and Q4_0 the head takes Q6_K, because its errors become those of
// logits; the values of attention, which heads share, and in the two coarsest types the projections down take a finer
// type than the rest.
tensor::DType type_for(tensor::DType wanted, Role role);

// The type itself, or where its blocks do not divide rows of `width` the one that stands in: blocks of 32 of at least
// as many bits (Q4_0 for Q2_K and Q3_K, Q5_0 for Q4_K, Q5_1 for Q5_K, Q8_0 for Q6_K), else F16.
tensor::DType fitting_type(tensor::DType type, int64_t width);

// How llama.cpp numbers the type of a file (general.file_type).
uint64_t gguf_file_type(tensor::DType wanted);

}  // namespace paddock::exporting
