// SPDX-License-Identifier: Apache-2.0
#pragma once
// From updates by token to updates of the rows that an expert got.

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/contracts/low_rank.h"
#include "kernels/contracts/project.h"

namespace paddock::kernels {

class RoutedUpdates {
 public:
  // `by_expert`: routed rows, in the order in which experts get them, as token * chosen + choice. `updates` null: none.
  RoutedUpdates(const ExpertUpdates* updates, std::span<const int32_t> by_expert, int64_t chosen);

  // To the network of `expert`, which gets `count` of the routed rows from `begin` on. Each row is passed once. What is
  // added lives as long as this object.
  void add_to(Mlp* mlp, int64_t expert, int64_t begin, int64_t count);

 private:
  std::span<const UpdatedRows> updates_of(LowRank MlpUpdate::*matrix, int64_t expert);

  struct AdapterRows {
    size_t adapter = 0;
    std::span<const int32_t> rows;
  };
  const ExpertUpdates* updates_;
  std::span<const int32_t> by_expert_;
  int64_t chosen_;
  std::vector<AdapterRows> group_;    // of the expert at hand
  std::vector<int32_t> rows_;         // of all
  std::vector<UpdatedRows> of_rows_;  // of all
};

}  // namespace paddock::kernels
