// SPDX-License-Identifier: Apache-2.0
#include "train/linear.h"

#include <vector>

namespace paddock::train {
namespace {

using kernels::Plane;
using kernels::PlaneProduct;

// Takes planes from scratch memory, one after another.
class Scratch {
 public:
  explicit Scratch(kernels::Address at) : at_(at) {}
  Plane plane(int64_t rows, int64_t columns) {
    const Plane plane = Plane::of(at_, rows, columns);
    at_ = at_.plus(static_cast<size_t>(rows * columns) * sizeof(float));
    return plane;
  }

 private:
  kernels::Address at_;
};

}  // namespace

void Linears::forward(std::span<const Use> uses, bool add) const {
  std::vector<PlaneProduct> whole, narrow, wide;
  Scratch scratch(scratch_);
  for (const Use& use : uses) {
    whole.push_back({use.x, use.weight.w, use.y});
    if (!use.weight.update) continue;
    const LowRank& update = *use.weight.update;
    const Plane inner = scratch.plane(use.x.rows, update.down.columns);
    narrow.push_back({use.x, update.down, inner});
    wide.push_back({inner, update.up, use.y, update.scale});
  }
  trainer_.multiply({whole, add, rounded_});
  if (narrow.empty()) return;
  trainer_.multiply({narrow, false, rounded_});
  trainer_.multiply({wide, true, rounded_});
}

// With h = x down and t = dy up^T: dup += s h^T dy, ddown += s x^T t, dx += dy W^T + s t down^T.
void Linears::backward(std::span<const Use> uses, bool add) const {
  std::vector<PlaneProduct> of_weights, of_inputs, narrow, of_updates, of_narrow;
  Scratch scratch(scratch_);
  for (const Use& use : uses) {
    const Weight& weight = use.weight;
    if (!weight.dw.address.is_null()) of_weights.push_back({use.x.transposed(), use.y, weight.dw});
    if (!use.dx.address.is_null()) of_inputs.push_back({use.y, weight.w.transposed(), use.dx});
    if (!weight.update) continue;
    const LowRank& update = *weight.update;
    const Plane h = scratch.plane(use.x.rows, update.down.columns), t = scratch.plane(use.x.rows, update.down.columns);
    narrow.push_back({use.x, update.down, h});
    narrow.push_back({use.y, update.up.transposed(), t});
    if (!update.dup.address.is_null()) {
      of_updates.push_back({h.transposed(), use.y, update.dup, update.scale});
      of_updates.push_back({use.x.transposed(), t, update.ddown, update.scale});
    }
    if (!use.dx.address.is_null()) of_narrow.push_back({t, update.down.transposed(), use.dx, update.scale});
  }
  trainer_.multiply({of_weights, true, rounded_});
  trainer_.multiply({of_inputs, add, rounded_});
  if (narrow.empty()) return;
  trainer_.multiply({narrow, false, rounded_});
  trainer_.multiply({of_updates, true, rounded_});
  trainer_.multiply({of_narrow, true, rounded_});
}

}  // namespace paddock::train
