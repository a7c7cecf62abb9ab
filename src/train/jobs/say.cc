// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/say.h"

#include <algorithm>
#include <numeric>

#include "kernels/contracts/training/token_loss.h"

namespace paddock::train {
namespace {

Batch row_of(const std::vector<int32_t>& tokens) {
  Batch batch{.rows = 1, .length = static_cast<int64_t>(tokens.size()), .tokens = tokens};
  batch.targets.assign(tokens.size(), kernels::kNoTarget);
  batch.positions.resize(tokens.size());
  std::iota(batch.positions.begin(), batch.positions.end(), 0);
  batch.documents.assign(tokens.size(), 0);
  return batch;
}

}  // namespace

std::vector<int32_t> say(Pass* pass, std::span<const int32_t> prompt, int64_t most, int64_t room,
                         std::span<const int32_t> stop, kernels::Machine* machine) {
  std::vector<int32_t> tokens(prompt.begin(), prompt.end()), said;
  std::vector<float> last;
  while (static_cast<int64_t>(said.size()) < most && static_cast<int64_t>(tokens.size()) < room && !tokens.empty()) {
    pass->observe_logits([&](int64_t first, const kernels::Rows& logits) {
      const int64_t row = static_cast<int64_t>(tokens.size()) - 1 - first;
      if (row < 0 || row >= logits.rows) return;
      last.resize(static_cast<size_t>(logits.width));
      machine->read(logits.address.plus(static_cast<size_t>(row * logits.width) * sizeof(float)),
                    std::as_writable_bytes(std::span(last)));
    });
    pass->run(row_of(tokens), {.gradients = false});
    const auto best = static_cast<int32_t>(std::ranges::max_element(last) - last.begin());
    if (std::ranges::find(stop, best) != stop.end()) break;
    said.push_back(best);
    tokens.push_back(best);
  }
  pass->observe_logits({});
  return said;
}

}  // namespace paddock::train
