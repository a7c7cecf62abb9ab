// SPDX-License-Identifier: Apache-2.0
#include "train/read_weights.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "tensor/decode.h"

namespace paddock::train {
namespace {

using kernels::Matrix;
using kernels::MatrixOrder;

class Reader {
 public:
  Reader(const llama4::Model& model, const ParameterList& list, const PartOfBlock& part, ThreadPool* pool)
      : model_(model), machine_(*model.machine), list_(list), part_(part), pool_(*pool) {}

  // Embedding, head or final norm.
  void outer(size_t index) {
    if (index == list_.final_norm) return norm(model_.weights.final_norm, index);
    matrix(index == list_.embedding ? model_.weights.embedding : model_.weights.head, index);
  }

  void layer(size_t index) {
    const llama4::LayerWeights& weights = model_.weights.layers[index];
    const LayerParameters& places = list_.layers[index];
    norm(weights.attention_norm, places.attention_norm);
    matrix(weights.wq, places.q);
    matrix(weights.wk, places.k);
    matrix(weights.wv, places.v);
    matrix(weights.wo, places.o);
    norm(weights.feed_forward_norm, places.feed_forward_norm);
    matrix(weights.mlp.gate, places.mlp.gate);
    matrix(weights.mlp.up, places.mlp.up);
    matrix(weights.mlp.down, places.mlp.down);
    if (places.router == kNoParameter) return;
    matrix(weights.router, places.router);
    for (size_t expert = 0; expert < weights.experts.size(); ++expert) {
      const auto at = static_cast<int64_t>(expert);
      const int64_t inner = weights.experts[expert].gate.outputs;
      const int64_t from_gate = list_[places.experts_gate_up].count / static_cast<int64_t>(weights.experts.size()) * at;
      const int64_t from_down = list_[places.experts_down].count / static_cast<int64_t>(weights.experts.size()) * at;
      inputs_first(weights.experts[expert].gate, places.experts_gate_up, from_gate, 2 * inner);
      inputs_first(weights.experts[expert].up, places.experts_gate_up, from_gate + inner, 2 * inner);
      inputs_first(weights.experts[expert].down, places.experts_down, from_down, weights.experts[expert].down.outputs);
    }
  }

 private:
  std::span<float> place(size_t index) {
    return part_.numbers.subspan(static_cast<size_t>(list_[index].offset - part_.first),
                                 static_cast<size_t>(list_[index].count));
  }

  std::vector<float> decoded(kernels::Address from, tensor::DType dtype, int64_t count) {
    std::vector<std::byte> bytes(tensor::row_bytes(dtype, count));
    machine_.read(from, bytes);
    std::vector<float> values(static_cast<size_t>(count));
    tensor::decode_row(dtype, bytes.data(), values.data(), count);
    return values;
  }

  void norm(const kernels::NormWeight& weight, size_t index) {
    std::ranges::copy(decoded(weight.weights, weight.dtype, weight.width), place(index).begin());
  }

  // put(output, input, value) for each weight, scales applied.
  template <typename Put>
  void each_weight(const Matrix& matrix, const Put& put) {
    const bool by_outputs = matrix.order == MatrixOrder::kOutputMajor;
    const std::vector<float> scales = matrix.scales.is_null()
                                          ? std::vector<float>(1, 1.0f)
                                          : decoded(matrix.scales, matrix.scale_dtype, matrix.scale_count);
    const int64_t rows = by_outputs ? matrix.outputs : matrix.inputs;
    const int64_t width = by_outputs ? matrix.inputs : matrix.outputs;
    // Rows at once, because a machine is used by one thread at a time and tells of what it reads.
    const size_t row_bytes = tensor::row_bytes(matrix.dtype, width);
    std::vector<std::byte> bytes(row_bytes * static_cast<size_t>(rows));
    for (int64_t row = 0; row < rows; ++row)
      machine_.read(matrix.weights.plus(static_cast<size_t>(row) * matrix.row_stride),
                    std::span(bytes).subspan(static_cast<size_t>(row) * row_bytes, row_bytes));
    pool_.parallel_for(rows, 8, [&](int64_t begin, int64_t end, int) {
      std::vector<float> values(static_cast<size_t>(width));
      for (int64_t row = begin; row < end; ++row) {
        tensor::decode_row(matrix.dtype, bytes.data() + static_cast<size_t>(row) * row_bytes, values.data(), width);
        for (int64_t index = 0; index < width; ++index) {
          const int64_t output = by_outputs ? row : index;
          put(output, by_outputs ? index : row,
              values[static_cast<size_t>(index)] * scales[scales.size() == 1 ? 0 : static_cast<size_t>(output)]);
        }
      }
    });
  }

  void matrix(const Matrix& weights, size_t index) {
    const std::span<float> to = place(index);
    CHECK(static_cast<int64_t>(to.size()) == weights.outputs * weights.inputs);
    each_weight(weights, [&](int64_t output, int64_t input, float value) {
      to[static_cast<size_t>(output * weights.inputs + input)] = value;
    });
  }

  void inputs_first(const Matrix& weights, size_t index, int64_t first, int64_t stride) {
    const std::span<float> to = place(index);
    each_weight(weights, [&](int64_t output, int64_t input, float value) {
      to[static_cast<size_t>(first + input * stride + output)] = value;
    });
  }

  const llama4::Model& model_;
  kernels::Machine& machine_;
  const ParameterList& list_;
  PartOfBlock part_;
  ThreadPool& pool_;
};

}  // namespace

void read_outer_weights(const llama4::Model& model, const ParameterList& list, size_t parameter,
                        const PartOfBlock& part, ThreadPool* pool) {
  Reader(model, list, part, pool).outer(parameter);
}

void read_layer_weights(const llama4::Model& model, const ParameterList& list, size_t layer, const PartOfBlock& part,
                        ThreadPool* pool) {
  Reader(model, list, part, pool).layer(layer);
}

void read_weights(const llama4::Model& model, const ParameterList& list, const PartOfBlock& part, ThreadPool* pool) {
  CHECK(part.first == 0 && static_cast<int64_t>(part.numbers.size()) == list.floats());
  Reader reader(model, list, part, pool);
  reader.outer(list.embedding);
  reader.outer(list.final_norm);
  if (list.head != list.embedding) reader.outer(list.head);
  for (size_t layer = 0; layer < list.layers.size(); ++layer) reader.layer(layer);
}

}  // namespace paddock::train
