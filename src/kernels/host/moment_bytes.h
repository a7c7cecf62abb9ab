// SPDX-License-Identifier: Apache-2.0
#pragma once
// Moments of AdamW as bytes (contracts/training/adamw.h), where memory is the host's.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/contracts/training/adamw.h"

namespace paddock::kernels {

// Sign and exponent of a float and three bits of mantissa: its upper bits. A code counts these down from those of the
// block's largest number, which is stored behind all codes.
template <bool kSigned>
class MomentBytes {
 public:
  MomentBytes(std::byte* memory, int64_t count)
      : blocks_((count + kMomentBlock - 1) / kMomentBlock),
        codes_(reinterpret_cast<uint8_t*>(memory)),
        tops_(reinterpret_cast<int32_t*>(memory + blocks_ * kMomentBlock)) {}

  int64_t blocks() const { return blocks_; }

  void unpack(int64_t block, float* numbers) const {
    const uint8_t* codes = codes_ + block * kMomentBlock;
    const int32_t lowest = tops_[block] - kLevels;
    for (int64_t index = 0; index < kMomentBlock; ++index) {
      const int32_t level = codes[index] & kLevels;
      const uint32_t sign = kSigned ? static_cast<uint32_t>(codes[index] >> 7) << 31 : 0;
      const uint32_t bits = level == 0 ? 0 : static_cast<uint32_t>(std::max(lowest + level, 0)) << kDropped;
      numbers[index] = std::bit_cast<float>(sign | bits);
    }
  }

  void pack(int64_t block, const float* numbers, uint32_t step) const {
    uint32_t largest = 0;
    for (int64_t index = 0; index < kMomentBlock; ++index) largest = std::max(largest, magnitude(numbers[index]));
    // Rounding may reach one more.
    const int32_t top = tops_[block] = static_cast<int32_t>(largest >> kDropped) + 1;
    uint8_t* codes = codes_ + block * kMomentBlock;
    for (int64_t index = 0; index < kMomentBlock; ++index) {
      const uint32_t bits = magnitude(numbers[index]);
      const uint32_t noise = mixed(static_cast<uint32_t>(block * kMomentBlock + index), step) >> (32 - kDropped);
      const auto rounded = static_cast<int32_t>((bits + noise) >> kDropped);
      // A second moment of 0 would make a step of any length: what is not 0 stays so.
      const int32_t least = kSigned || bits == 0 ? 0 : 1;
      const int32_t level = bits == 0 ? 0 : std::clamp(rounded - top + kLevels, least, kLevels);
      const uint32_t sign = kSigned ? std::bit_cast<uint32_t>(numbers[index]) >> 31 << 7 : 0;
      codes[index] = static_cast<uint8_t>(sign | static_cast<uint32_t>(level));
    }
  }

 private:
  static constexpr int kDropped = 20;  // bits of mantissa
  static constexpr int32_t kLevels = kSigned ? 127 : 255;

  static uint32_t magnitude(float number) { return std::bit_cast<uint32_t>(number) & 0x7fffffffu; }
  static uint32_t mixed(uint32_t place, uint32_t step) {
    uint32_t bits = place * 0x9e3779b1u + step * 0x85ebca77u;
    bits = (bits ^ (bits >> 16)) * 0x7feb352du;
    bits = (bits ^ (bits >> 15)) * 0x846ca68bu;
    return bits ^ (bits >> 16);
  }

  int64_t blocks_;
  uint8_t* codes_;
  int32_t* tops_;
};

using FirstMomentBytes = MomentBytes<true>;
using SecondMomentBytes = MomentBytes<false>;

}  // namespace paddock::kernels
