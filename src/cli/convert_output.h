// SPDX-License-Identifier: Apache-2.0
#pragma once
// What paddock convert writes: a GGUF file or a Hugging Face folder, with all that belongs into it.

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cli/open_model.h"
#include "export/model_source.h"

namespace paddock::cli {

struct OutputWishes {
  std::string out;
  tensor::DType type = tensor::DType::kBF16;
  std::optional<tensor::DType> head;  // of a GGUF file, where it is not what `type` makes it
  std::string name;                   // of the model, in a GGUF file; empty: that of its folder
  uint64_t shard_bytes = 0;
  int threads = 0;
  bool replace = false, quiet = false;
};

struct Converted {
  uint64_t bytes = 0;  // of tensors
  size_t tensors = 0;
  std::vector<std::string> files;
  std::vector<std::string> notes;  // sentences about what was left out or differs
  std::vector<std::tuple<std::string, tensor::DType, tensor::DType>> replaced;  // tensor, type wanted, type written
};

Result<Converted> convert_to_gguf(const OpenModel& open, const exporting::ModelSource& source,
                                  const OutputWishes& wishes);
Result<Converted> convert_to_folder(const OpenModel& open, const exporting::ModelSource& source,
                                    const OutputWishes& wishes);

}  // namespace paddock::cli
