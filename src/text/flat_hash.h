// SPDX-License-Identifier: Apache-2.0
#pragma once
// The hashing that the tables of a tokenizer share. Seeded once a process, so that no vocabulary file can be made whose
// entries all fall on one place; what is found never depends on the seed.

#include <cstddef>
#include <cstdint>

namespace paddock::text {

uint64_t hash_seed();

// 128-bit product folded to 64: every bit of the result depends on every bit of both.
inline uint64_t fold_product(uint64_t left, uint64_t right) {
  const auto product = static_cast<unsigned __int128>(left) * right;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// The smallest power of two in which `entries` fill at most half, at least 16.
inline size_t slots_for(size_t entries) {
  size_t slots = 16;
  while (slots < entries * 2) slots *= 2;
  return slots;
}

}  // namespace paddock::text
