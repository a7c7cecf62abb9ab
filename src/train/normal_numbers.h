// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random numbers for weights, with the same bits everywhere.

#include <cstdint>

namespace paddock::train {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), and from twelve of its numbers one that is normal to within what a
// start needs: their sum, which takes no library function that differs between systems.
class NormalNumbers {
 public:
  explicit NormalNumbers(uint64_t seed) : state_(seed) {}
  double next() {
    double sum = -6;
    for (int index = 0; index < 12; ++index) sum += uniform();
    return sum;
  }

 private:
  double uniform() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    return static_cast<double>(mixed >> 11) * 0x1p-53;
  }
  uint64_t state_;
};

}  // namespace paddock::train
