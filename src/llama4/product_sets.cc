// SPDX-License-Identifier: Apache-2.0
#include "llama4/product_sets.h"

#include <algorithm>
#include <initializer_list>

namespace paddock::llama4 {
namespace {

using kernels::Matrix;
using kernels::ProductRole;
using kernels::ProductSet;

struct Use {
  const Matrix* matrix;
  ProductRole role = ProductRole::kUsual;
};

class Sets {
 public:
  void add(ProductSet set, std::initializer_list<Use> uses) {
    set.inputs = uses.begin()->matrix->inputs;
    for (const Use& use : uses) set.matrices.push_back({use.matrix->dtype, use.matrix->order, use.role});
    if (std::find(sets_.begin(), sets_.end(), set) == sets_.end()) sets_.push_back(std::move(set));
  }
  void add_mlp(const ProductSet& set, const kernels::ExpertWeights& mlp) {
    add(set, {{&mlp.gate, ProductRole::kSensitive}, {&mlp.up}});
    add(set, {{&mlp.down, ProductRole::kSensitive}});
  }
  std::vector<ProductSet> take() { return std::move(sets_); }

 private:
  std::vector<ProductSet> sets_;
};

}  // namespace

std::vector<ProductSet> product_sets(const Config& config, const Weights& weights) {
  Sets sets;
  const ProductSet all_rows{.rows = 1};
  for (const LayerWeights& layer : weights.layers) {
    sets.add(all_rows, {{&layer.wq, ProductRole::kSensitive},
                        {&layer.wk, ProductRole::kSensitive},
                        {&layer.wv, ProductRole::kSensitive}});
    sets.add(all_rows, {{&layer.wo}});
    sets.add_mlp(all_rows, layer.mlp);
    if (layer.experts.empty()) continue;
    sets.add(all_rows, {{&layer.router}});
    const ProductSet routed{.rows = config.experts_per_token, .groups = config.experts};
    for (const kernels::ExpertWeights& expert : layer.experts) sets.add_mlp(routed, expert);
  }
  sets.add(all_rows, {{&weights.head, ProductRole::kHead}});
  return sets.take();
}

}  // namespace paddock::llama4
