// SPDX-License-Identifier: Apache-2.0
#pragma once
// For tests only: a model of two small layers, and adapters for it as files.

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/safetensors_writer.h"
#include "llama4/config.h"

namespace paddock::llama4 {

// One dense layer of width 8, one with two experts of [8, 2 * 4] and [4, 8].
inline Config small_model() {
  Config config;
  config.architecture = "llama4";
  config.width = 8;
  config.vocabulary = 4;
  config.query_heads = 2;
  config.kv_heads = 1;
  config.head_width = 4;
  config.dense_width = 8;
  config.expert_width = 4;
  config.experts = 2;
  config.experts_per_token = 1;
  config.layers.resize(2);
  config.layers[1].moe = true;
  return config;
}

struct TestTensor {
  tensor::Shape shape;
  std::vector<float> values;

  // 1, 2, 3 and so on, in the order of memory.
  static TestTensor counting(const tensor::Shape& shape) {
    TestTensor tensor{shape, {}};
    for (int64_t index = 0; index < tensor::count(shape); ++index)
      tensor.values.push_back(static_cast<float>(index + 1));
    return tensor;
  }
};
using TestTensors = std::map<std::string, TestTensor>;

inline Result<void> write_adapter(const std::filesystem::path& folder, const std::string& config,
                                  const TestTensors& tensors) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "adapter_config.json") << config;
  std::vector<checkpoint::TensorToWrite> written;
  for (const auto& [name, tensor] : tensors)
    written.push_back({name, {tensor::DType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))}});
  return checkpoint::write_safetensors(folder / "adapter_model.safetensors", written);
}

}  // namespace paddock::llama4
