// SPDX-License-Identifier: Apache-2.0
#include "kernels/vector/tower.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_blocks.h"

namespace paddock::kernels {
namespace {

constexpr size_t kAlignment = 64;
// Blocks of rows of a piece, at most: fewer unpack weights more often, more leave the second cache while weights pass
// by.
constexpr int64_t kPieceBlocks = 19;
// So many pieces that threads end together.
constexpr int64_t kUnitsOfAThread = 4;

int64_t parts_of(int64_t count, int64_t most) { return (count + most - 1) / most; }

}  // namespace

size_t Tower::private_bytes(const TowerKernels& kernels, int64_t inputs, int64_t head_width, int64_t tile_rows,
                            int threads) {
  const size_t scratch = std::max(kernels.linear_scratch, kernels.attend_scratch(tile_rows / kBlockRows, head_width));
  return static_cast<size_t>(threads) * (scratch + kAlignment) + static_cast<size_t>(4 * inputs) * sizeof(float);
}

std::byte* Tower::scratch(int thread, size_t bytes) {
  std::vector<std::byte>& mine = scratch_[static_cast<size_t>(thread)];
  if (mine.size() < bytes + kAlignment) {
    mine = {};  // not both at once
    mine.resize(bytes + kAlignment);
  }
  const auto address = reinterpret_cast<uintptr_t>(mine.data());
  return mine.data() + (kAlignment - address % kAlignment) % kAlignment;
}

void Tower::decode(const NormWeight& vector, std::vector<float>* numbers, size_t first) const {
  if (numbers->size() < first + static_cast<size_t>(vector.width))
    numbers->resize(first + static_cast<size_t>(vector.width));
  floats_.decode_row(vector.dtype, HostMemory::bytes(vector.weights), numbers->data() + first, vector.width);
}

void Tower::layer_norm(const LayerNorm& op) {
  CHECK(op.weight.width == op.x.width && op.bias.width == op.x.width && op.y.width == op.x.width);
  decode(op.weight, &weight_, 0);
  decode(op.bias, &biases_, 0);
  pool_.parallel_for(op.x.blocks(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block)
      kernels_.layer_norm(block_at(op.x, block), weight_.data(), biases_.data(), op.x.width, op.epsilon,
                          block_at(op.y, block));
  });
}

void Tower::list_parts(const Linear& op, int64_t row_parts) {
  parts_.clear();
  int64_t groups = 0;
  for (const LinearOutput& output : op.outputs) groups += parts_of(output.weights.outputs, kGroupOutputs);
  // The more groups of outputs a piece has, the less often its rows come to the cache.
  const int64_t most = std::max(int64_t{1}, groups * row_parts / (kUnitsOfAThread * pool_.threads()));
  size_t biases = 0;
  for (const LinearOutput& output : op.outputs) {
    const Matrix& weights = output.weights;
    CHECK(weights.inputs == op.x.width && weights.outputs == output.y.width && op.x.rows <= output.y.rows);
    CHECK(weights.order == MatrixOrder::kOutputMajor && weights.scales.is_null() && weights.outputs % kBlockRows == 0);
    if (!output.bias.weights.is_null()) decode(output.bias, &biases_, biases);
    const int64_t here = parts_of(weights.outputs, kGroupOutputs), parts = parts_of(here, most);
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = here * part / parts * kGroupOutputs;
      const int64_t end = std::min(weights.outputs, here * (part + 1) / parts * kGroupOutputs);
      parts_.push_back({&output, first, end - first, static_cast<int64_t>(biases) + first});
    }
    if (!output.bias.weights.is_null()) biases += static_cast<size_t>(weights.outputs);
  }
}

void Tower::linear(const Linear& op) {
  const int64_t row_parts = parts_of(op.x.blocks(), kPieceBlocks);
  list_parts(op, row_parts);
  const int64_t inputs = op.x.width;
  const std::byte* x = HostMemory::bytes(op.x.address);
  size_t x_stride = static_cast<size_t>(inputs * kBlockRows) * sizeof(float);
  if (kernels_.pack != nullptr) {
    std::byte* packed = HostMemory::bytes(op.scratch);
    const size_t packed_stride = kernels_.packed_bytes(inputs, op.rounded);
    CHECK(packed_stride <= linear_scratch_bytes(kBlockRows, inputs));
    pool_.parallel_for(op.x.blocks(), 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t block = begin; block < end; ++block)
        kernels_.pack(block_at(op.x, block), inputs, op.rounded, packed + static_cast<size_t>(block) * packed_stride);
    });
    x = packed;
    x_stride = packed_stride;
  }
  // Pieces beside each other share their weights.
  const int64_t pieces = static_cast<int64_t>(parts_.size()) * row_parts;
  pool_.parallel_for(pieces, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const Part& part = parts_[static_cast<size_t>(piece / row_parts)];
      const int64_t first_block = op.x.blocks() * (piece % row_parts) / row_parts;
      const int64_t end_block = op.x.blocks() * (piece % row_parts + 1) / row_parts;
      const Matrix& weights = part.output->weights;
      kernels_.linear(
          {.dtype = weights.dtype,
           .weights = HostMemory::bytes(weights.weights) + static_cast<size_t>(part.first_output) * weights.row_stride,
           .row_stride = weights.row_stride,
           .inputs = inputs,
           .outputs = part.outputs,
           .x = x + static_cast<size_t>(first_block) * x_stride,
           .x_stride = x_stride,
           .blocks = end_block - first_block,
           .bias = part.output->bias.weights.is_null() ? nullptr : biases_.data() + part.first_bias,
           .gelu = op.activation == Activation::kGelu,
           .add = op.add,
           .rounded = op.rounded,
           .y = block_at(part.output->y, first_block) + part.first_output * kBlockRows,
           .y_stride = weights.outputs * kBlockRows,
           .scratch = scratch(thread, kernels_.linear_scratch)});
    }
  });
}

void Tower::attend(const AttendTiles& op) {
  const int64_t head_width = op.q.width / op.heads, tiles = op.q.rows / op.tile_rows;
  const int64_t blocks = op.tile_rows / kBlockRows;
  CHECK(op.q.width % op.heads == 0 && head_width % 4 == 0 && op.tile_rows % kBlockRows == 0 &&
        op.tile_tokens <= op.tile_rows);
  // Keys and values are made ready once for all queries of a head where heads are enough for all threads.
  const int64_t query_parts =
      std::clamp(parts_of(kUnitsOfAThread * pool_.threads(), tiles * op.heads), int64_t{1}, blocks);
  const int64_t part_blocks = parts_of(blocks, query_parts);
  const int64_t units = tiles * op.heads * query_parts;
  const size_t scratch_bytes = kernels_.attend_scratch(blocks, head_width);
  pool_.parallel_for(units, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t tile = unit / query_parts / op.heads, head = unit / query_parts % op.heads;
      const int64_t first = unit % query_parts * part_blocks;
      if (first >= blocks) continue;
      const auto at = [&](const Blocks& x) { return block_at(x, tile * blocks) + head * head_width * kBlockRows; };
      kernels_.attend({.q = at(op.q),
                       .k = at(op.k),
                       .v = at(op.v),
                       .stride = op.q.width * kBlockRows,
                       .head_width = head_width,
                       .blocks = blocks,
                       .tokens = op.tile_tokens,
                       .first = first,
                       .end = std::min(blocks, first + part_blocks),
                       .cosines = block_at(op.cosines, 0),
                       .sines = block_at(op.sines, 0),
                       .scale = op.scale,
                       .out = at(op.out),
                       .rounded = op.rounded,
                       .scratch = scratch(thread, scratch_bytes)});
    }
  });
}

}  // namespace paddock::kernels
