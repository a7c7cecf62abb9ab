// SPDX-License-Identifier: Apache-2.0
#include "export/model_source.h"

#include <algorithm>

#include "base/check.h"
#include "export/merge.h"

namespace paddock::exporting {
namespace {

llama4::Config with_pairs_of_hugging_face(llama4::Config config) {
  config.rope_pairs = train::hugging_face_pairs(config);
  return config;
}

}  // namespace

ModelSource::ModelSource(const llama4::Config& config)
    : config_(with_pairs_of_hugging_face(config)), parameters_(train::ParameterList::of(config)) {}

void LoadedSource::read(size_t parameter, int64_t piece, std::span<float> values) const {
  train::read_piece(model_, parameters(), parameter, piece, values);
}

BlockSource::BlockSource(const llama4::Config& config, std::span<const float> block)
    : ModelSource(config), block_(block) {
  CHECK(static_cast<int64_t>(block.size()) == parameters().floats());
}

void BlockSource::read(size_t parameter, int64_t piece, std::span<float> values) const {
  const int64_t first = parameters()[parameter].offset + piece * piece_count(parameter);
  std::ranges::copy(block_.subspan(static_cast<size_t>(first), values.size()), values.begin());
}

MergedSource::MergedSource(const ModelSource& base, std::span<const AdapterBlock> adapters)
    : ModelSource(base.config()), base_(base), adapters_(adapters) {}

void MergedSource::read(size_t parameter, int64_t piece, std::span<float> values) const {
  base_.read(parameter, piece, values);
  for (const AdapterBlock& each : adapters_) {
    const auto found = each.adapter.updates().find(parameter);
    if (found != each.adapter.updates().end()) add_update(found->second, each.values, piece, values);
  }
}

}  // namespace paddock::exporting
