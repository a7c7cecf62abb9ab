// SPDX-License-Identifier: Apache-2.0
#pragma once
// A configuration as the metadata of a GGUF file.

#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/gguf_metadata.h"
#include "llama4/config.h"
#include "tensor/dtype.h"

namespace paddock::exporting {

// llama.cpp's keys, and of the llama4 family Paddock's own beside them, which llama.cpp does not read. `file` is named
// in errors: experts in layers that no step describes cannot be said.
Result<std::vector<checkpoint::GgufPair>> gguf_model_keys(const llama4::Config& config, tensor::DType type,
                                                          const std::string& file);

// Sentences about what llama.cpp takes for granted of the family and this model does otherwise, so that it would
// compute another model.
std::vector<std::string> what_llama_cpp_assumes(const llama4::Config& config);

}  // namespace paddock::exporting
