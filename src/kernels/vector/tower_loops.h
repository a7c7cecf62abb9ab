// SPDX-License-Identifier: Apache-2.0
#pragma once
// TowerKernels in float32, for registers of any width. `Lanes` is of an unnamed namespace, so that each file has its
// own.

#include <cstring>

#include "kernels/vector/exponential.h"
#include "kernels/vector/float_kernels.h"
#include "kernels/vector/gelu.h"
#include "kernels/vector/tower_kernels.h"

namespace paddock::kernels {

// kPanel weights by kBlocks blocks of rows are summed at once: two additions may begin in a cycle and take four, so
// that eight sums at least have to be under way.
template <typename Lanes, int kPanel, int kBlocks, int kHeadPanel>
struct TowerLoops {
  using Floats = typename Lanes::Floats;
  static constexpr int kRegisters = static_cast<int>(kBlockRows / Lanes::kCount);
  static constexpr int64_t kChunk = 256;  // inputs that are decoded at once: a K-quant's block
  static constexpr int64_t kPanels = (kGroupOutputs + kPanel - 1) / kPanel;
  static_assert(kBlockRows % kHeadPanel == 0);

  static void layer_norm(const float* x, const float* weight, const float* bias, int64_t width, float epsilon,
                         float* y) {
    constexpr int kSums = 4;  // one after another would wait for each other
    for (int part = 0; part < kRegisters; ++part) {
      const int64_t first = part * Lanes::kCount;
      Floats sums[kSums], squares[kSums];
      for (int sum = 0; sum < kSums; ++sum) sums[sum] = squares[sum] = Lanes::zero();
      for (int64_t index = 0; index < width; ++index)
        sums[index % kSums] = Lanes::add(sums[index % kSums], Lanes::load(x + index * kBlockRows + first));
      const Floats count = Lanes::set(static_cast<float>(width));
      const Floats mean = Lanes::divide(Lanes::add(Lanes::add(sums[0], sums[1]), Lanes::add(sums[2], sums[3])), count);
      for (int64_t index = 0; index < width; ++index) {
        const Floats away = Lanes::subtract(Lanes::load(x + index * kBlockRows + first), mean);
        squares[index % kSums] = Lanes::multiply_add(away, away, squares[index % kSums]);
      }
      const Floats variance =
          Lanes::divide(Lanes::add(Lanes::add(squares[0], squares[1]), Lanes::add(squares[2], squares[3])), count);
      alignas(64) float scales[Lanes::kCount];
      Lanes::store(scales, Lanes::add(variance, Lanes::set(epsilon)));
      for (float& scale : scales) scale = 1.0f / __builtin_sqrtf(scale);
      const Floats scale = Lanes::load(scales);
      for (int64_t index = 0; index < width; ++index) {
        const Floats normed =
            Lanes::multiply(Lanes::subtract(Lanes::load(x + index * kBlockRows + first), mean), scale);
        Lanes::store(y + index * kBlockRows + first,
                     Lanes::multiply_add(normed, Lanes::set(weight[index]), Lanes::set(bias[index])));
      }
    }
  }

  // sums[block][output] += sum over i < count of w[i][output] * x[block][i]
  template <int kRowBlocks, int kOutputs>
  struct Sums {
    Floats lanes[kRowBlocks][kOutputs][kRegisters];

    void clear() {
#pragma GCC unroll 8
      for (int block = 0; block < kRowBlocks; ++block)
#pragma GCC unroll 8
        for (int output = 0; output < kOutputs; ++output)
#pragma GCC unroll 2
          for (int part = 0; part < kRegisters; ++part) lanes[block][output][part] = Lanes::zero();
    }
    void load(const float* from, int64_t block_stride, int64_t outputs) {
#pragma GCC unroll 8
      for (int block = 0; block < kRowBlocks; ++block)
#pragma GCC unroll 8
        for (int output = 0; output < kOutputs; ++output)
#pragma GCC unroll 2
          for (int part = 0; part < kRegisters; ++part)
            lanes[block][output][part] =
                output < outputs ? Lanes::load(from + block * block_stride + output * kBlockRows + part * Lanes::kCount)
                                 : Lanes::zero();
    }
    void store(float* to, int64_t block_stride, int64_t outputs) const {
#pragma GCC unroll 8
      for (int block = 0; block < kRowBlocks; ++block)
#pragma GCC unroll 8
        for (int output = 0; output < kOutputs; ++output)
#pragma GCC unroll 2
          for (int part = 0; part < kRegisters; ++part)
            if (output < outputs)
              Lanes::store(to + block * block_stride + output * kBlockRows + part * Lanes::kCount,
                           lanes[block][output][part]);
    }
    void add_products(const float* x, int64_t x_stride, const float* w, int64_t w_stride, int64_t count) {
      for (int64_t index = 0; index < count; ++index) {
        Floats rows[kRowBlocks][kRegisters];
#pragma GCC unroll 8
        for (int block = 0; block < kRowBlocks; ++block)
#pragma GCC unroll 2
          for (int part = 0; part < kRegisters; ++part)
            rows[block][part] = Lanes::load(x + block * x_stride + index * kBlockRows + part * Lanes::kCount);
#pragma GCC unroll 8
        for (int output = 0; output < kOutputs; ++output) {
          const Floats weight = Lanes::set(w[index * w_stride + output]);
#pragma GCC unroll 8
          for (int block = 0; block < kRowBlocks; ++block)
#pragma GCC unroll 2
            for (int part = 0; part < kRegisters; ++part)
              lanes[block][output][part] = Lanes::multiply_add(weight, rows[block][part], lanes[block][output][part]);
        }
      }
    }
  };

  // ---- products with weights

  struct LinearScratch {
    alignas(64) float panels[kPanels][kChunk][kPanel];
    alignas(64) float rows[kPanel][kChunk];
  };

  // A chunk of all outputs of a group, kPanel side by side; beyond the outputs zero.
  static void unpack(const LinearPiece& piece, int64_t first_input, int64_t inputs, LinearScratch& scratch) {
    const int64_t block_values = tensor::info(piece.dtype).values, block_bytes = tensor::info(piece.dtype).bytes;
    for (int64_t panel = 0; panel * kPanel < piece.outputs; ++panel) {
      for (int64_t output = 0; output < kPanel; ++output) {
        if (panel * kPanel + output < piece.outputs)
          avx2::decode_row(piece.dtype,
                           piece.weights + static_cast<size_t>(panel * kPanel + output) * piece.row_stride +
                               first_input / block_values * block_bytes,
                           scratch.rows[output], inputs);
        else
          std::memset(scratch.rows[output], 0, sizeof scratch.rows[output]);
      }
      for (int64_t input = 0; input < inputs; ++input)
        for (int64_t output = 0; output < kPanel; ++output)
          scratch.panels[panel][input][output] = scratch.rows[output][input];
    }
  }

  static void finish(const LinearPiece& piece, int64_t block) {
    for (int64_t output = 0; output < piece.outputs; ++output)
      for (int part = 0; part < kRegisters; ++part) {
        float* y = piece.y + block * piece.y_stride + output * kBlockRows + part * Lanes::kCount;
        Floats value = Lanes::load(y);
        if (piece.bias != nullptr) value = Lanes::add(value, Lanes::set(piece.bias[output]));
        Lanes::store(y, piece.gelu ? gelu<Lanes>(value) : value);
      }
  }

  template <int kRowBlocks>
  static void multiply_blocks(const LinearPiece& piece, const LinearScratch& scratch, int64_t block,
                              int64_t first_input, int64_t inputs) {
    const float* x = reinterpret_cast<const float*>(piece.x + static_cast<size_t>(block) * piece.x_stride) +
                     first_input * kBlockRows;
    for (int64_t panel = 0; panel * kPanel < piece.outputs; ++panel) {
      float* y = piece.y + block * piece.y_stride + panel * kPanel * kBlockRows;
      const int64_t outputs = piece.outputs - panel * kPanel;
      Sums<kRowBlocks, kPanel> sums;
      if (first_input > 0 || piece.add)
        sums.load(y, piece.y_stride, outputs);
      else
        sums.clear();
      sums.add_products(x, static_cast<int64_t>(piece.x_stride / sizeof(float)), scratch.panels[panel][0], kPanel,
                        inputs);
      sums.store(y, piece.y_stride, outputs);
    }
  }

  // Rows of a chunk stay in the second cache while the weights of all outputs pass by.
  static void linear(const LinearPiece& piece) {
    for (int64_t first_input = 0; first_input < piece.inputs; first_input += kChunk)
      for (int64_t output = 0; output < piece.outputs; output += kGroupOutputs)
        add_chunk(group_of(piece, output), first_input);
  }
  static void add_chunk(const LinearPiece& group, int64_t first_input) {
    auto& scratch = *reinterpret_cast<LinearScratch*>(group.scratch);
    const int64_t inputs = group.inputs - first_input < kChunk ? group.inputs - first_input : kChunk;
    unpack(group, first_input, inputs, scratch);
    int64_t block = 0;
    for (; block + kBlocks <= group.blocks; block += kBlocks)
      multiply_blocks<kBlocks>(group, scratch, block, first_input, inputs);
    for (; block < group.blocks; ++block) multiply_blocks<1>(group, scratch, block, first_input, inputs);
    if (first_input + inputs == group.inputs && (group.bias != nullptr || group.gelu))
      for (block = 0; block < group.blocks; ++block) finish(group, block);
  }

  // ---- attention

  // Keys as they lie, turned; values with a position's numbers side by side.
  struct HeadScratch {
    float *keys, *values, *queries, *scores;
    int64_t values_stride;
  };
  static int64_t padded(int64_t head_width) { return (head_width + kHeadPanel - 1) / kHeadPanel * kHeadPanel; }
  static HeadScratch head_scratch(std::byte* from, int64_t blocks, int64_t head_width) {
    HeadScratch scratch;
    scratch.values_stride = padded(head_width);
    scratch.keys = reinterpret_cast<float*>(from);
    scratch.values = scratch.keys + blocks * head_width * kBlockRows;
    scratch.queries = scratch.values + blocks * scratch.values_stride * kBlockRows;
    scratch.scores = scratch.queries + kBlocks * head_width * kBlockRows;
    return scratch;
  }
  static size_t attend_scratch(int64_t blocks, int64_t head_width) {
    return static_cast<size_t>(blocks * kBlockRows * (head_width + padded(head_width)) +
                               kBlocks * kBlockRows * (head_width + blocks * kBlockRows)) *
           sizeof(float);
  }

  static void turn(const TileHead& head, const float* x, int64_t block, float scale, float* turned) {
    for (int64_t pair = 0; pair < head.head_width / 2; ++pair)
      for (int part = 0; part < kRegisters; ++part) {
        const int64_t lane = part * Lanes::kCount;
        const float* from = x + block * head.stride + 2 * pair * kBlockRows + lane;
        const int64_t angle = (block * head.head_width / 2 + pair) * kBlockRows + lane;
        const Floats a = Lanes::multiply(Lanes::load(from), Lanes::set(scale));
        const Floats b = Lanes::multiply(Lanes::load(from + kBlockRows), Lanes::set(scale));
        const Floats cosine = Lanes::load(head.cosines + angle), sine = Lanes::load(head.sines + angle);
        float* to = turned + 2 * pair * kBlockRows + lane;
        Lanes::store(to, Lanes::subtract_product(Lanes::multiply(a, cosine), b, sine));
        Lanes::store(to + kBlockRows, Lanes::multiply_add(a, sine, Lanes::multiply(b, cosine)));
      }
  }

  static void prepare(const TileHead& head, const HeadScratch& scratch) {
    for (int64_t block = 0; block < head.blocks; ++block) {
      turn(head, head.k, block, 1.0f, scratch.keys + block * head.head_width * kBlockRows);
      for (int64_t row = 0; row < kBlockRows; ++row) {
        float* values = scratch.values + (block * kBlockRows + row) * scratch.values_stride;
        for (int64_t index = 0; index < head.head_width; ++index)
          values[index] = head.v[block * head.stride + index * kBlockRows + row];
        for (int64_t index = head.head_width; index < scratch.values_stride; ++index) values[index] = 0;
      }
    }
  }

  // Of one block of queries; returns one divided by the sums.
  static void softmax(float* scores, int64_t tokens, float (&inverse)[kBlockRows]) {
    for (int part = 0; part < kRegisters; ++part) {
      float* x = scores + part * Lanes::kCount;
      Floats largest = Lanes::load(x);
      for (int64_t token = 1; token < tokens; ++token)
        largest = Lanes::maximum(largest, Lanes::load(x + token * kBlockRows));
      Floats total = Lanes::zero();
      for (int64_t token = 0; token < tokens; ++token) {
        const Floats weight = exponential<Lanes>(Lanes::subtract(Lanes::load(x + token * kBlockRows), largest));
        total = Lanes::add(total, weight);
        Lanes::store(x + token * kBlockRows, weight);
      }
      Lanes::store(inverse + part * Lanes::kCount, Lanes::divide(Lanes::set(1.0f), total));
    }
  }

  template <int kRowBlocks>
  static void attend_blocks(const TileHead& head, const HeadScratch& scratch, int64_t first) {
    const int64_t width = head.head_width, score_stride = head.blocks * kBlockRows * kBlockRows;
    for (int block = 0; block < kRowBlocks; ++block)
      turn(head, head.q, first + block, head.scale, scratch.queries + block * width * kBlockRows);
    for (int64_t key = 0; key < head.tokens; key += kHeadPanel) {
      Sums<kRowBlocks, kHeadPanel> sums;
      sums.clear();
      sums.add_products(scratch.queries, width * kBlockRows,
                        scratch.keys + key / kBlockRows * width * kBlockRows + key % kBlockRows, kBlockRows, width);
      sums.store(scratch.scores + key * kBlockRows, score_stride, kHeadPanel);
    }
    alignas(64) float inverse[kRowBlocks][kBlockRows];
    for (int block = 0; block < kRowBlocks; ++block)
      softmax(scratch.scores + block * score_stride, head.tokens, inverse[block]);
    for (int64_t index = 0; index < width; index += kHeadPanel) {
      Sums<kRowBlocks, kHeadPanel> sums;
      sums.clear();
      sums.add_products(scratch.scores, score_stride, scratch.values + index, scratch.values_stride, head.tokens);
      for (int block = 0; block < kRowBlocks; ++block)
        for (int output = 0; output < kHeadPanel && index + output < width; ++output)
          for (int part = 0; part < kRegisters; ++part) {
            const int64_t lane = part * Lanes::kCount;
            Lanes::store(head.out + (first + block) * head.stride + (index + output) * kBlockRows + lane,
                         Lanes::multiply(sums.lanes[block][output][part], Lanes::load(inverse[block] + lane)));
          }
    }
  }

  static void attend(const TileHead& head) {
    const HeadScratch scratch = head_scratch(head.scratch, head.blocks, head.head_width);
    prepare(head, scratch);
    int64_t block = head.first;
    for (; block + kBlocks <= head.end; block += kBlocks) attend_blocks<kBlocks>(head, scratch, block);
    for (; block < head.end; ++block) attend_blocks<1>(head, scratch, block);
  }
};

}  // namespace paddock::kernels
