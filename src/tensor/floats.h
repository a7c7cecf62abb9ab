// SPDX-License-Identifier: Apache-2.0
#pragma once
// The small floating-point formats as float32. Every conversion is exact; NaN stays NaN, with its payload.

#include <bit>
#include <cstdint>

namespace paddock::tensor {

// IEEE binary16 from its 16 bits. Free of branches, so that loops over it become vector code on any machine, and of
// subnormal float32 operands, which cost some machines a hundred cycles each.
inline float float_from_half(uint16_t half) {
  constexpr uint32_t kRebias = uint32_t{127 - 15} << 23;      // from the exponent bias of binary16 to that of float32
  constexpr uint32_t kSmallestNormal = uint32_t{1} << 23;     // in `magnitude`
  constexpr uint32_t kInfinity = uint32_t{31} << 23;          // in `magnitude`
  const uint32_t magnitude = uint32_t{half & 0x7FFFu} << 13;  // exponent and fraction where float32 has them
  const uint32_t is_subnormal = 0u - uint32_t{magnitude < kSmallestNormal};  // all ones or all zeros, like the next
  const uint32_t is_infinite = 0u - uint32_t{magnitude >= kInfinity};
  const uint32_t normal = magnitude + kRebias + (is_infinite & kRebias);  // exponent 31 becomes 255
  // A subnormal is fraction * 2^-24: put behind an implicit one, whose value is taken away again. From a normal number
  // zero is taken away.
  const float value = std::bit_cast<float>(normal + (is_subnormal & kSmallestNormal)) -
                      std::bit_cast<float>(is_subnormal & (kRebias + kSmallestNormal));
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | uint32_t{half & 0x8000u} << 16);
}

// float32 rounded to binary16: to nearest, ties to even; overflow becomes infinity.
inline uint16_t half_from_float(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));  // NaN
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7C00u);                             // >= 65536
  if (magnitude < 0x38800000u) {
    // Below 2^-14 a half is a multiple of 2^-24: adding 1/2 puts that multiple into the low bits, rounded.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000u));
  }
  const uint32_t odd = magnitude >> 13 & 1u;
  return static_cast<uint16_t>(sign | (magnitude - 0x38000000u + 0xFFFu + odd) >> 13);
}

// bfloat16 is the upper half of a float32.
inline float float_from_bf16(uint16_t bf16) { return std::bit_cast<float>(uint32_t{bf16} << 16); }

// float32 rounded to bfloat16: to nearest, ties to even; NaN stays NaN.
inline uint16_t bf16_from_float(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

// E4M3 in the variant without infinities ("fn"): bias 7, 0x7F and 0xFF are NaN, the largest finite value is 448.
constexpr float float_from_e4m3(uint8_t e4m3) {
  const uint32_t sign = uint32_t{e4m3 & 0x80u} << 24;
  const uint32_t exponent = (e4m3 >> 3) & 15u;
  const uint32_t fraction = e4m3 & 7u;
  if (exponent == 15 && fraction == 7) return std::bit_cast<float>(sign | 0x7FC00000u);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 127 - 7) << 23 | fraction << 20);
  const float magnitude = static_cast<float>(fraction) * 0x1p-9f;
  return sign != 0 ? -magnitude : magnitude;
}

// E8M0, the scale of a microscaling block: 2^(e - 127), halved here because MXFP4's values are kept doubled to be
// integers.
constexpr float half_float_from_e8m0(uint8_t exponent) {
  // 2^(e - 128): below e = 2 it is a subnormal float32.
  const uint32_t bits = exponent < 2 ? 0x00200000u << exponent : uint32_t{exponent - 1u} << 23;
  return std::bit_cast<float>(bits);
}

}  // namespace paddock::tensor
