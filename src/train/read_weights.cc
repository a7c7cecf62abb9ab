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
  Reader(const llama4::Model& model, const ParameterList& list, std::span<float> block)
      : model_(model), machine_(*model.machine), list_(list), block_(block) {}

  void read() {
    const llama4::Weights& weights = model_.weights;
    matrix(weights.embedding, list_.embedding);
    if (list_.head != list_.embedding) matrix(weights.head, list_.head);
    norm(weights.final_norm, list_.final_norm);
    for (size_t index = 0; index < weights.layers.size(); ++index) layer(weights.layers[index], list_.layers[index]);
  }

 private:
  void layer(const llama4::LayerWeights& weights, const LayerParameters& places) {
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

  std::span<float> place(size_t index) {
    return block_.subspan(static_cast<size_t>(list_[index].offset), static_cast<size_t>(list_[index].count));
  }

  std::vector<float> decoded(kernels::Address from, tensor::DType dtype, int64_t count) {
    bytes_.resize(tensor::row_bytes(dtype, count));
    machine_.read(from, bytes_);
    std::vector<float> values(static_cast<size_t>(count));
    tensor::decode_row(dtype, bytes_.data(), values.data(), count);
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
    for (int64_t row = 0; row < rows; ++row) {
      const auto values =
          decoded(matrix.weights.plus(static_cast<size_t>(row) * matrix.row_stride), matrix.dtype, width);
      for (int64_t index = 0; index < width; ++index) {
        const int64_t output = by_outputs ? row : index;
        put(output, by_outputs ? index : row,
            values[static_cast<size_t>(index)] * scales[scales.size() == 1 ? 0 : static_cast<size_t>(output)]);
      }
    }
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
  std::span<float> block_;
  std::vector<std::byte> bytes_;
};

}  // namespace

void read_weights(const llama4::Model& model, const ParameterList& list, std::span<float> block) {
  CHECK(static_cast<int64_t>(block.size()) == list.floats());
  Reader(model, list, block).read();
}

}  // namespace paddock::train
