// SPDX-License-Identifier: Apache-2.0
#include "distil/bits.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace paddock::distil {

// With n = number / 2^order + 1 of b bits: b - 1 zeros, n from its highest bit down, the rest of the number.
int coded_bits(uint32_t number, int order) {
  return 2 * static_cast<int>(std::bit_width((number >> order) + 1)) - 1 + order;
}

void BitWriter::bits(uint32_t number, int count) {
  DCHECK(count >= 0 && count <= 32);
  pending_ |= static_cast<uint64_t>(number) << pending_bits_;
  pending_bits_ += count;
  for (; pending_bits_ >= 8; pending_bits_ -= 8, pending_ >>= 8) bytes_.push_back(static_cast<std::byte>(pending_));
}

// The highest bit of n ends the zeros, so that what follows it needs b - 1 bits.
void BitWriter::coded(uint32_t number, int order) {
  CHECK(number <= kMostCoded && order >= 0 && order <= kMostOrder);
  const uint32_t n = (number >> order) + 1;
  const int zeros = static_cast<int>(std::bit_width(n)) - 1;
  bits(0, zeros);
  bits(1, 1);
  bits(n - (uint32_t{1} << zeros), zeros);
  bits(number & ((uint32_t{1} << order) - 1), order);
}

std::vector<std::byte> BitWriter::take() {
  if (pending_bits_ > 0) bits(0, 8 - pending_bits_);
  return std::move(bytes_);
}

void BitReader::fill() {
  for (; pending_bits_ <= 56 && next_ < bytes_.size(); pending_bits_ += 8)
    pending_ |= std::to_integer<uint64_t>(bytes_[next_++]) << pending_bits_;
}

uint32_t BitReader::bits(int count) {
  if (pending_bits_ < count) fill();
  if (pending_bits_ < count) return fail();
  const auto number = static_cast<uint32_t>(pending_ & ((uint64_t{1} << count) - 1));
  pending_ >>= count;
  pending_bits_ -= count;
  return number;
}

uint32_t BitReader::coded(int order) {
  if (pending_bits_ < 32) fill();
  const int zeros = pending_ == 0 ? 64 : std::countr_zero(pending_);
  if (zeros >= pending_bits_ || zeros > 28) return fail();
  bits(zeros + 1);
  const uint64_t high = bits(zeros) + (uint64_t{1} << zeros) - 1;
  const uint64_t number = (high << order) + bits(order);
  return number <= kMostCoded ? static_cast<uint32_t>(number) : fail();
}

void OrderChoice::add(uint32_t number) {
  for (int order = 0; order <= kMostOrder; ++order)
    bits_of_order_[order] += static_cast<uint64_t>(coded_bits(number, order));
}

int OrderChoice::best() const {
  return static_cast<int>(std::min_element(std::begin(bits_of_order_), std::end(bits_of_order_)) -
                          std::begin(bits_of_order_));
}

}  // namespace paddock::distil
