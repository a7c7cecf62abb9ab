// SPDX-License-Identifier: Apache-2.0
#include "train/frozen_weights.h"

#include <algorithm>

#include "base/check.h"
#include "train/read_weights.h"

namespace paddock::train {
namespace {

// The parameters of a layer lie side by side, from its first norm on: [begin, end) of a block of all.
struct Range {
  int64_t begin, end;
};
Range range_of(const ParameterList& list, size_t layer) {
  const size_t after = layer + 1 < list.layers.size() ? list.layers[layer + 1].attention_norm : list.final_norm;
  return {list[list.layers[layer].attention_norm].offset, list[after].offset};
}

int64_t largest_layer(const ParameterList& list) {
  int64_t most = 0;
  for (size_t layer = 0; layer < list.layers.size(); ++layer)
    most = std::max(most, range_of(list, layer).end - range_of(list, layer).begin);
  return most;
}

std::vector<size_t> outer_parameters(const ParameterList& list) {
  std::vector<size_t> outer = {list.embedding, list.final_norm};
  if (list.head != list.embedding) outer.push_back(list.head);
  return outer;
}

int64_t whole_lines(int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace

size_t FrozenWeights::bytes(const ParameterList& list) {
  int64_t floats = 2 * largest_layer(list);
  for (const size_t parameter : outer_parameters(list)) floats += whole_lines(list[parameter].count);
  return static_cast<size_t>(floats) * sizeof(float);
}

FrozenWeights::FrozenWeights(const llama4::Model& model, const ParameterList& list, int threads)
    : model_(&model), list_(&list), pool_(std::make_unique<ThreadPool>(threads)) {}

Result<FrozenWeights> FrozenWeights::create(const llama4::Model& model, const ParameterList& list, int threads) {
  FrozenWeights frozen(model, list, threads);
  int64_t floats = 0;
  for (const size_t parameter : outer_parameters(list)) {
    frozen.outer_.push_back({parameter, floats});
    floats += whole_lines(list[parameter].count);
  }
  frozen.outer_block_ = TRY(model.machine->allocate(static_cast<size_t>(floats) * sizeof(float)));
  const int64_t of_layer = largest_layer(list);
  frozen.layer_block_ = TRY(model.machine->allocate(static_cast<size_t>(of_layer) * sizeof(float)));
  frozen.staged_.resize(static_cast<size_t>(of_layer));
  for (const Outer& outer : frozen.outer_) {
    std::vector<float> numbers(static_cast<size_t>(list[outer.parameter].count));
    read_piece(model, list, outer.parameter, 0, numbers, frozen.pool_.get());
    model.machine->write(std::as_bytes(std::span(numbers)), frozen.address(outer.parameter));
  }
  return frozen;
}

void FrozenWeights::take_layer(size_t layer) {
  if (layer_ == layer) return;
  const Range range = range_of(*list_, layer);
  const std::span<float> numbers = std::span(staged_).first(static_cast<size_t>(range.end - range.begin));
  for (size_t parameter = 0; parameter < list_->all().size(); ++parameter) {
    const Parameter& place = (*list_)[parameter];
    if (place.offset < range.begin || place.offset >= range.end) continue;
    const int64_t pieces = pieces_of(place), count = place.count / pieces;
    for (int64_t piece = 0; piece < pieces; ++piece)
      read_piece(
          *model_, *list_, parameter, piece,
          numbers.subspan(static_cast<size_t>(place.offset - range.begin + piece * count), static_cast<size_t>(count)),
          pool_.get());
  }
  model_->machine->write(std::as_bytes(numbers), layer_block_.address());
  layer_ = layer;
  layer_first_ = range.begin;
}

kernels::Address FrozenWeights::address(size_t parameter) const {
  for (const Outer& outer : outer_)
    if (outer.parameter == parameter)
      return outer_block_.address().plus(static_cast<size_t>(outer.offset) * sizeof(float));
  const int64_t offset = (*list_)[parameter].offset;
  CHECK(layer_ && offset >= layer_first_ && offset < range_of(*list_, *layer_).end);
  return layer_block_.address().plus(static_cast<size_t>(offset - layer_first_) * sizeof(float));
}

}  // namespace paddock::train
