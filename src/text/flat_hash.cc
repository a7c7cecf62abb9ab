// SPDX-License-Identifier: Apache-2.0
#include "text/flat_hash.h"

#include <random>

namespace paddock::text {

uint64_t hash_seed() {
  static const uint64_t seed = [] {
    std::random_device device;
    return (uint64_t{device()} << 32 | device()) | 1;
  }();
  return seed;
}

}  // namespace paddock::text
