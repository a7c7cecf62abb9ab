// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whole numbers as bits: short ones where numbers are small. Bits fill each byte from the lowest on.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace paddock::distil {

inline constexpr int kMostOrder = 24;
inline constexpr uint32_t kMostCoded = (uint32_t{1} << 28) - 1;  // the largest number that is written

// Bits of a number of at most kMostCoded in the exponential Golomb code of an order: numbers below 2^order take
// order + 1 bits, twice as many numbers each time take two more.                        (Teuhola, 1978)
int coded_bits(uint32_t number, int order);

class BitWriter {
 public:
  void bits(uint32_t number, int count);   // count: 0 to 32
  void coded(uint32_t number, int order);  // exponential Golomb
  std::vector<std::byte> take();           // the last byte is filled with zeros

 private:
  std::vector<std::byte> bytes_;
  uint64_t pending_ = 0;
  int pending_bits_ = 0;
};

// Of bytes from outside: what they do not hold is missing, and is_good() false from then on.
class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint32_t bits(int count);   // 0 when missing
  uint32_t coded(int order);  // 0 when missing, or beyond kMostCoded
  bool is_good() const { return is_good_; }
  size_t bits_left() const { return (bytes_.size() - next_) * 8 + static_cast<size_t>(pending_bits_); }
  // Nothing but the zeros that fill the last byte.
  bool is_at_end() const { return is_good_ && bits_left() < 8 && pending_ == 0; }

 private:
  void fill();
  uint32_t fail() {
    is_good_ = false;
    return 0;
  }

  std::span<const std::byte> bytes_;
  size_t next_ = 0;
  uint64_t pending_ = 0;
  int pending_bits_ = 0;
  bool is_good_ = true;
};

// Numbers that are written with one order, counted so that the best can be chosen.
class OrderChoice {
 public:
  void add(uint32_t number);
  int best() const;  // the fewest bits in all; the lowest of equals

 private:
  uint64_t bits_of_order_[kMostOrder + 1] = {};
};

}  // namespace paddock::distil
