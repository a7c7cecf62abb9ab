// SPDX-License-Identifier: Apache-2.0
#pragma once
// The weights of a model as float32, a piece at a time, under the names and in the layout of Hugging Face: what every
// file is written from, whether they come from a checkpoint, from training, or from either with adapters merged.

#include <span>
#include <vector>

#include "llama4/model.h"
#include "train/adapter.h"
#include "train/parameters.h"
#include "train/read_weights.h"

namespace paddock::exporting {

class ModelSource {
 public:
  virtual ~ModelSource() = default;

  // With rope_pairs as Hugging Face has them.
  const llama4::Config& config() const { return config_; }
  const train::ParameterList& parameters() const { return parameters_; }  // without prefix

  int64_t pieces(size_t parameter) const { return train::pieces_of(parameters_[parameter]); }
  int64_t piece_count(size_t parameter) const { return parameters_[parameter].count / pieces(parameter); }

  // Fills `values` [piece_count].
  virtual void read(size_t parameter, int64_t piece, std::span<float> values) const = 0;

 protected:
  explicit ModelSource(const llama4::Config& config);

 private:
  llama4::Config config_;
  train::ParameterList parameters_;
};

// What a checkpoint holds. The model outlives it.
class LoadedSource : public ModelSource {
 public:
  explicit LoadedSource(const llama4::Model& model) : ModelSource(model.config), model_(model) {}
  void read(size_t parameter, int64_t piece, std::span<float> values) const override;

 private:
  const llama4::Model& model_;
};

// A block of train::ParameterList::floats() numbers, as training holds it.
class BlockSource : public ModelSource {
 public:
  BlockSource(const llama4::Config& config, std::span<const float> block);
  void read(size_t parameter, int64_t piece, std::span<float> values) const override;

 private:
  std::span<const float> block_;
};

// An adapter with its numbers.
struct AdapterBlock {
  train::Adapter adapter;
  std::vector<float> values;
};

// Another source with updates added to it, in the order given. Everything named outlives it.
class MergedSource : public ModelSource {
 public:
  MergedSource(const ModelSource& base, std::span<const AdapterBlock> adapters);
  void read(size_t parameter, int64_t piece, std::span<float> values) const override;

 private:
  const ModelSource& base_;
  std::span<const AdapterBlock> adapters_;
};

}  // namespace paddock::exporting
