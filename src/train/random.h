// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers that a seed decides, the same on every system.

#include <cstdint>
#include <utility>
#include <vector>

namespace paddock::train {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class RandomNumbers {
 public:
  // Streams of one seed have nothing to do with each other.
  RandomNumbers(uint64_t seed, uint64_t stream) : state_(seed * 0x100000001b3u + stream) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // [0, 1)
  // From 0 to below `count`, which is far below 2^64.
  uint64_t below(uint64_t count) { return next() % count; }
  // Of mean 0 and deviation 1, to within what a start needs: a sum of twelve, which takes no library function that
  // differs between systems.
  double normal() {
    double sum = -6;
    for (int index = 0; index < 12; ++index) sum += uniform();
    return sum;
  }

 private:
  uint64_t state_;
};

// Fisher and Yates.
template <typename Number>
void shuffle(std::vector<Number>* numbers, RandomNumbers random) {
  for (size_t left = numbers->size(); left > 1; --left) std::swap((*numbers)[left - 1], (*numbers)[random.below(left)]);
}

}  // namespace paddock::train
