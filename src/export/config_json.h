// SPDX-License-Identifier: Apache-2.0
#pragma once
// A configuration as the config.json that Hugging Face's transformers load.

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "llama4/config.h"
#include "tensor/dtype.h"

namespace paddock::exporting {

// Llama4ForCausalLM's (Llama4TextConfig), or LlamaForCausalLM's. `dtype` is that of most weights. `source` is named in
// errors.
Result<Json> config_json(const llama4::Config& config, tensor::DType dtype, const std::string& source);

// A checkpoint's own config.json, of text and pictures, with the text part in its place and without what said how the
// weights were quantised.
Json with_text_config(Json original, Json text, tensor::DType dtype);

// "float32", "float16", "bfloat16".
std::string torch_name(tensor::DType dtype);

}  // namespace paddock::exporting
