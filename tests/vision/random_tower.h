// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tower with random weights, as files of every kind, and what it computes in double, written down plainly.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_metadata.h"
#include "llama4/vision/config.h"
#include "tensor/dtype.h"

namespace paddock::test {

struct RandomTensor {
  std::string hugging_face, gguf;
  std::vector<int64_t> shape;
  std::vector<float> values;  // as `dtype` holds them
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<std::byte> bytes;
};

// 37 tokens a tile, 9 of them filling half of a block: nothing is a multiple of what kernels take at once.
llama4::VisionConfig small_shape();
// The width, heads and feed-forward of the released tower; fewer layers, patches and outputs.
llama4::VisionConfig wide_shape();

class RandomTower {
 public:
  // Matrices are stored as `dtype`, where their rows are whole blocks of it; else as F16. Vectors are F32.
  explicit RandomTower(tensor::DType dtype, const llama4::VisionConfig& shape = small_shape());

  llama4::VisionConfig config;
  std::vector<checkpoint::GgufPair> gguf_pairs;
  std::vector<RandomTensor> tensors;

  RandomTensor& named(const std::string& hugging_face);
  // The numbers of a folder of Hugging Face in place of the random ones, each as its tensor is stored: a conversion.
  void take(const checkpoint::Checkpoint& folder);
  void write_hugging_face(const std::filesystem::path& folder) const;
  void write_gguf(const std::filesystem::path& path) const;

  // Of one tile, [tokens][text width]. Slow: for small shapes.
  std::vector<double> embeddings(std::span<const float> pixels);

 private:
  void add(const std::string& hugging_face, const std::string& gguf, std::vector<int64_t> shape, double scale,
           double mean = 0);
  void add_linear(const std::string& hugging_face, const std::string& gguf, int64_t outputs, int64_t inputs);
  void add_norm(const std::string& hugging_face, const std::string& gguf);
  double random();

  tensor::DType dtype_;
  uint64_t state_ = 1;
};

}  // namespace paddock::test
