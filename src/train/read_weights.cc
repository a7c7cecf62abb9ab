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

// What a parameter is in the model: a norm, a matrix, or pairs of experts' matrices beside each other.
struct Stored {
  const kernels::NormWeight* norm = nullptr;
  const Matrix* matrix = nullptr;
  int64_t turned_heads = 0;  // of queries or keys
  const std::vector<kernels::ExpertWeights>* gate_up = nullptr;
  const std::vector<kernels::ExpertWeights>* down = nullptr;
};

Stored find_in_layer(const llama4::LayerWeights& weights, const LayerParameters& places, const llama4::Config& config,
                     size_t index) {
  if (index == places.attention_norm) return {.norm = &weights.attention_norm};
  if (index == places.feed_forward_norm) return {.norm = &weights.feed_forward_norm};
  if (index == places.q) return {.matrix = &weights.wq, .turned_heads = config.query_heads};
  if (index == places.k) return {.matrix = &weights.wk, .turned_heads = config.kv_heads};
  if (index == places.v) return {.matrix = &weights.wv};
  if (index == places.o) return {.matrix = &weights.wo};
  if (index == places.mlp.gate) return {.matrix = &weights.mlp.gate};
  if (index == places.mlp.up) return {.matrix = &weights.mlp.up};
  if (index == places.mlp.down) return {.matrix = &weights.mlp.down};
  if (index == places.router) return {.matrix = &weights.router};
  if (index == places.experts_gate_up) return {.gate_up = &weights.experts};
  if (index == places.experts_down) return {.down = &weights.experts};
  return {};
}

Stored find(const llama4::Model& model, const ParameterList& list, size_t index) {
  const llama4::Weights& weights = model.weights;
  if (index == list.embedding) return {.matrix = &weights.embedding};
  if (index == list.final_norm) return {.norm = &weights.final_norm};
  if (index == list.head) return {.matrix = &weights.head};
  for (size_t layer = 0; layer < list.layers.size(); ++layer) {
    const Stored found = find_in_layer(weights.layers[layer], list.layers[layer], model.config, index);
    if (found.norm != nullptr || found.matrix != nullptr || found.gate_up != nullptr || found.down != nullptr)
      return found;
  }
  CHECK(false);
}

class PieceReader {
 public:
  PieceReader(const llama4::Model& model, std::span<float> to, ThreadPool* pool)
      : model_(model), machine_(*model.machine), to_(to), pool_(pool) {}

  void norm(const kernels::NormWeight& weight) {
    std::ranges::copy(decoded(weight.weights, weight.dtype, weight.width), to_.begin());
  }

  // Outputs first. Rows of `turned_heads` heads come in the order of Hugging Face.
  void matrix(const Matrix& weights, int64_t turned_heads) {
    CHECK(static_cast<int64_t>(to_.size()) == weights.outputs * weights.inputs);
    const bool turned = turned_heads > 0 && model_.config.rope_pairs != hugging_face_pairs(model_.config);
    const int64_t width = turned ? weights.outputs / turned_heads : 0;
    each_weight(weights, [&](int64_t output, int64_t input, float value) {
      const int64_t row = turned ? output / width * width + half_place(output % width, width) : output;
      to_[static_cast<size_t>(row * weights.inputs + input)] = value;
    });
  }

  // Inputs first, `stride` outputs to a row, of which these begin at `first`.
  void inputs_first(const Matrix& weights, int64_t first, int64_t stride) {
    each_weight(weights, [&](int64_t output, int64_t input, float value) {
      to_[static_cast<size_t>(first + input * stride + output)] = value;
    });
  }

 private:
  // Neighbours 2 j and 2 j + 1 of a head lie in its halves, at j each.
  static int64_t half_place(int64_t row, int64_t width) { return row % 2 * (width / 2) + row / 2; }

  std::vector<float> decoded(kernels::Address from, tensor::DType dtype, int64_t count) {
    std::vector<std::byte> bytes(tensor::row_bytes(dtype, count));
    machine_.read(from, bytes);
    std::vector<float> values(static_cast<size_t>(count));
    tensor::decode_row(dtype, bytes.data(), values.data(), count);
    return values;
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
    // A machine is read by one thread at a time.
    const size_t row_bytes = tensor::row_bytes(matrix.dtype, width);
    std::vector<std::byte> bytes(row_bytes * static_cast<size_t>(rows));
    for (int64_t row = 0; row < rows; ++row)
      machine_.read(matrix.weights.plus(static_cast<size_t>(row) * matrix.row_stride),
                    std::span(bytes).subspan(static_cast<size_t>(row) * row_bytes, row_bytes));
    const auto decode_rows = [&](int64_t begin, int64_t end, int) {
      std::vector<float> values(static_cast<size_t>(width));
      for (int64_t row = begin; row < end; ++row) {
        tensor::decode_row(matrix.dtype, bytes.data() + static_cast<size_t>(row) * row_bytes, values.data(), width);
        for (int64_t index = 0; index < width; ++index) {
          const int64_t output = by_outputs ? row : index;
          put(output, by_outputs ? index : row,
              values[static_cast<size_t>(index)] * scales[scales.size() == 1 ? 0 : static_cast<size_t>(output)]);
        }
      }
    };
    if (pool_ == nullptr)
      decode_rows(0, rows, 0);
    else
      pool_->parallel_for(rows, 8, decode_rows);
  }

  const llama4::Model& model_;
  kernels::Machine& machine_;
  std::span<float> to_;
  ThreadPool* pool_;
};

}  // namespace

kernels::RopePairs hugging_face_pairs(const llama4::Config& config) {
  return config.architecture == "llama" ? kernels::RopePairs::kHalves : kernels::RopePairs::kInterleaved;
}

void read_piece(const llama4::Model& model, const ParameterList& list, size_t parameter, int64_t piece,
                std::span<float> values, ThreadPool* pool) {
  const Parameter& place = list[parameter];
  CHECK(static_cast<int64_t>(values.size()) == place.count / pieces_of(place) && piece < pieces_of(place));
  const Stored stored = find(model, list, parameter);
  PieceReader reader(model, values, pool);
  if (stored.norm != nullptr) reader.norm(*stored.norm);
  if (stored.matrix != nullptr) reader.matrix(*stored.matrix, stored.turned_heads);
  if (stored.gate_up != nullptr) {
    const kernels::ExpertWeights& expert = (*stored.gate_up)[static_cast<size_t>(piece)];
    const int64_t inner = expert.gate.outputs;
    reader.inputs_first(expert.gate, 0, 2 * inner);
    reader.inputs_first(expert.up, inner, 2 * inner);
  }
  if (stored.down != nullptr) {
    const Matrix& down = (*stored.down)[static_cast<size_t>(piece)].down;
    reader.inputs_first(down, 0, down.outputs);
  }
}

void read_weights(const llama4::Model& model, const ParameterList& list, std::span<float> block, ThreadPool* pool) {
  CHECK(static_cast<int64_t>(block.size()) == list.floats());
  for (size_t index = 0; index < list.all().size(); ++index) {
    const int64_t pieces = pieces_of(list[index]), count = list[index].count / pieces;
    for (int64_t piece = 0; piece < pieces; ++piece)
      read_piece(model, list, index, piece,
                 block.subspan(static_cast<size_t>(list[index].offset + piece * count), static_cast<size_t>(count)),
                 pool);
  }
}

}  // namespace paddock::train
