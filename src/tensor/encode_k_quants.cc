// SPDX-License-Identifier: Apache-2.0
// K-quants (decode_k_quants.cc has the equations). A group's scale is searched alone; then the block's scale is what
// the largest needs, the groups' integers are chosen among neighbours by the error that they leave, and the block's
// scale is fitted to all that has been chosen, as long as that helps.

#include <array>

#include "tensor/encode_fit.h"
#include "tensor/encode_formats.h"

namespace paddock::tensor {
namespace {

constexpr int kBlock = 256;
constexpr int kRun = 32;
constexpr int kRefinements = 3;

// Quants of a group and the squared error that they leave.
template <int kWidth>
float quantise_group(const float* x, float scale, float minimum, float low, float high, float* q) {
  const float inverse = inverse_or_zero(scale);
  for (int index = 0; index < kWidth; ++index) q[index] = quant_of((x[index] + minimum) * inverse, low, high);
  return sum_in_lanes<kWidth>([&](int index) {
    const float rest = x[index] - (scale * q[index] - minimum);
    return rest * rest;
  });
}

// x = (scale * s) * q, sixteen groups of sixteen.
struct SymmetricBlock {
  static constexpr int kGroups = 16, kWidth = 16;
  uint16_t scale = 0;  // half
  int s[kGroups] = {};
  float q[kBlock] = {};
  float error = INFINITY;
};

struct SymmetricFormat {
  QuantRange quants;
  int least_scale, most_scale;
};

// Quants and groups' scales for a block's scale, from `wanted` in quanta of the latter.
SymmetricBlock quantise_symmetric(const float* x, const SymmetricFormat& format, uint16_t scale, const float* wanted) {
  constexpr int kWidth = SymmetricBlock::kWidth;
  SymmetricBlock block{.scale = scale, .error = 0};
  const float unit = float_from_half(scale), inverse = inverse_or_zero(unit);
  for (int group = 0; group < SymmetricBlock::kGroups; ++group) {
    const float* const values = x + group * kWidth;
    const int middle = static_cast<int>(std::nearbyint(std::clamp(
        wanted[group] * inverse, static_cast<float>(format.least_scale), static_cast<float>(format.most_scale))));
    float best = INFINITY, q[kWidth];
    for (int s = std::max(middle - 1, format.least_scale); s <= std::min(middle + 1, format.most_scale); ++s) {
      const float error =
          quantise_group<kWidth>(values, unit * static_cast<float>(s), 0, format.quants.low, format.quants.high, q);
      if (error >= best) continue;
      best = error;
      block.s[group] = s;
      std::copy_n(q, kWidth, block.q + group * kWidth);
    }
    block.error += best;
  }
  return block;
}

SymmetricBlock fit_symmetric(const float* x, const SymmetricFormat& format) {
  constexpr int kGroups = SymmetricBlock::kGroups, kWidth = SymmetricBlock::kWidth;
  float wanted[kGroups], extreme;
  for (int group = 0; group < kGroups; ++group) wanted[group] = fit_scale<kWidth>(x + group * kWidth, format.quants);
  largest_magnitude<kGroups>(wanted, &extreme);
  // Either end of the range may hold the extreme; the lower one reaches one further.
  SymmetricBlock best;
  for (const int end : {format.least_scale, format.most_scale}) {
    uint16_t scale = reaching_half(extreme / static_cast<float>(end));
    for (int refinement = 0; refinement < kRefinements; ++refinement) {
      const SymmetricBlock block = quantise_symmetric(x, format, scale, wanted);
      if (block.error >= best.error) break;
      best = block;
      const auto whole = [&](int index) { return static_cast<float>(block.s[index / kWidth]) * block.q[index]; };
      const float of_squares = sum_in_lanes<kBlock>([&](int index) { return whole(index) * whole(index); });
      if (of_squares == 0) break;
      scale =
          nearest_finite_half(sum_in_lanes<kBlock>([&](int index) { return x[index] * whole(index); }) / of_squares);
    }
  }
  return best;
}

// x = (scale * s) * q - (minimum * m)
template <int kGroupCount>
struct OffsetBlock {
  static constexpr int kGroups = kGroupCount, kWidth = kBlock / kGroupCount;
  uint16_t scale = 0, minimum = 0;  // halves
  int s[kGroups] = {}, m[kGroups] = {};
  float q[kBlock] = {};
  float error = INFINITY;
};

struct OffsetFormat {
  float levels, reach;
  int most;  // of s and m
};

template <int kGroups>
OffsetBlock<kGroups> quantise_with_offsets(const float* x, const OffsetFormat& format, uint16_t scale, uint16_t minimum,
                                           const ScaleAndOffset* wanted) {
  constexpr int kWidth = kBlock / kGroups;
  OffsetBlock<kGroups> block{.scale = scale, .minimum = minimum, .error = 0};
  const float unit = float_from_half(scale), step = float_from_half(minimum);
  const auto nearest = [&](float value) {
    return static_cast<int>(std::nearbyint(std::clamp(value, 0.0f, static_cast<float>(format.most))));
  };
  for (int group = 0; group < kGroups; ++group) {
    const float* const values = x + group * kWidth;
    const int middle_s = nearest(wanted[group].scale * inverse_or_zero(unit)),
              middle_m = nearest(wanted[group].minimum * inverse_or_zero(step));
    float best = INFINITY, q[kWidth];
    for (int s = std::max(middle_s - 1, 0); s <= std::min(middle_s + 1, format.most); ++s) {
      for (int m = std::max(middle_m - 1, 0); m <= std::min(middle_m + 1, format.most); ++m) {
        const float error = quantise_group<kWidth>(values, unit * static_cast<float>(s), step * static_cast<float>(m),
                                                   0, format.levels, q);
        if (error >= best) continue;
        best = error;
        block.s[group] = s;
        block.m[group] = m;
        std::copy_n(q, kWidth, block.q + group * kWidth);
      }
    }
    block.error += best;
  }
  return block;
}

// The block's scale and minimum that fit what has been chosen: least squares in two unknowns.
template <int kGroups>
bool refit(const float* x, const OffsetBlock<kGroups>& block, uint16_t* scale, uint16_t* minimum) {
  constexpr int kWidth = kBlock / kGroups;
  const auto sum = [](const auto& term) { return sum_in_lanes<kBlock>(term); };
  const auto a = [&](int index) { return static_cast<float>(block.s[index / kWidth]) * block.q[index]; };
  const auto b = [&](int index) { return static_cast<float>(block.m[index / kWidth]); };
  const double aa = sum([&](int i) { return a(i) * a(i); }), ab = sum([&](int i) { return a(i) * b(i); }),
               bb = sum([&](int i) { return b(i) * b(i); }), xa = sum([&](int i) { return x[i] * a(i); }),
               xb = sum([&](int i) { return x[i] * b(i); });
  const double determinant = aa * bb - ab * ab;
  if (aa == 0) return false;
  const bool both = bb > 0 && determinant > 1e-6 * aa * bb;
  const double fitted = both ? (xa * bb - xb * ab) / determinant : xa / aa;
  const double offset = both ? (xa * ab - xb * aa) / determinant : float_from_half(block.minimum);
  if (!(fitted > 0) || !(offset >= 0)) return false;
  *scale = nearest_finite_half(static_cast<float>(fitted));
  *minimum = nearest_finite_half(static_cast<float>(offset));
  return true;
}

template <int kGroups>
OffsetBlock<kGroups> fit_with_offsets(const float* x, const OffsetFormat& format) {
  constexpr int kWidth = kBlock / kGroups;
  ScaleAndOffset wanted[kGroups];
  float most_scale = 0, most_minimum = 0;
  for (int group = 0; group < kGroups; ++group) {
    wanted[group] = fit_scale_and_minimum<kWidth>(x + group * kWidth, format.levels, format.reach, true);
    most_scale = std::max(most_scale, wanted[group].scale);
    most_minimum = std::max(most_minimum, wanted[group].minimum);
  }
  const auto most = static_cast<float>(format.most);
  uint16_t scale = reaching_half(most_scale / most), minimum = reaching_half(most_minimum / most);
  OffsetBlock<kGroups> best;
  for (int refinement = 0; refinement < kRefinements; ++refinement) {
    const auto block = quantise_with_offsets<kGroups>(x, format, scale, minimum, wanted);
    if (block.error >= best.error) break;
    best = block;
    if (!refit(x, block, &scale, &minimum)) break;
  }
  return best;
}

// Scales and minima of 6 bits, as decode_k_quants.cc takes them apart.
void store_scales(const OffsetBlock<8>& block, uint8_t (&packed)[12]) {
  for (int group = 0; group < 4; ++group) {
    const int s = block.s[group + 4], m = block.m[group + 4];
    packed[group] = static_cast<uint8_t>(block.s[group] | s >> 4 << 6);
    packed[group + 4] = static_cast<uint8_t>(block.m[group] | m >> 4 << 6);
    packed[group + 8] = static_cast<uint8_t>((s & 15) | (m & 15) << 4);
  }
}

void store_nibbles(const float* q, uint8_t (&nibbles)[128]) {
  for (int at = 0; at < 128; ++at) {
    const float* const pair = q + at / kRun * 2 * kRun + at % kRun;
    nibbles[at] = static_cast<uint8_t>((static_cast<int>(pair[0]) & 15) | (static_cast<int>(pair[kRun]) & 15) << 4);
  }
}

// Two bits of each quant, four runs of 32 values to 32 bytes.
template <typename Quant>
void store_crumbs(const Quant& quant, uint8_t (&crumbs)[64]) {
  for (int at = 0; at < 64; ++at) {
    int byte = 0;
    for (int run = 0; run < 4; ++run) byte |= (quant(at / kRun * 128 + run * kRun + at % kRun) & 3) << run * 2;
    crumbs[at] = static_cast<uint8_t>(byte);
  }
}

}  // namespace

void encode_q2_k(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ2_K>(values, bytes, count, kBlock, [](const float* x) {
    const auto fit = fit_with_offsets<16>(x, {3, 1.0f, 15});
    BlockQ2_K block;
    block.scale = stored_half(fit.scale);
    block.minimum = stored_half(fit.minimum);
    for (int group = 0; group < 16; ++group)
      block.scales[group] = static_cast<uint8_t>(fit.s[group] | fit.m[group] << 4);
    store_crumbs([&](int index) { return static_cast<int>(fit.q[index]); }, block.crumbs);
    return block;
  });
}

void encode_q3_k(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ3_K>(values, bytes, count, kBlock, [](const float* x) {
    const SymmetricBlock fit = fit_symmetric(x, {{-4, 3, 1.5f}, -32, 31});
    const auto quant = [&](int index) { return static_cast<int>(fit.q[index]) + 4; };
    BlockQ3_K block = {};
    block.scale = stored_half(fit.scale);
    for (int group = 0; group < 16; ++group) {
      const int s = fit.s[group] + 32;
      block.scales[group % 8] = static_cast<uint8_t>(block.scales[group % 8] | (s & 15) << (group / 8 * 4));
      block.scales[8 + group % 4] = static_cast<uint8_t>(block.scales[8 + group % 4] | s >> 4 << (group / 4 * 2));
    }
    store_crumbs(quant, block.crumbs);
    for (int index = 0; index < kBlock; ++index)
      block.third_bits[index % kRun] =
          static_cast<uint8_t>(block.third_bits[index % kRun] | quant(index) >> 2 << index / kRun);
    return block;
  });
}

void encode_q4_k(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ4_K>(values, bytes, count, kBlock, [](const float* x) {
    const auto fit = fit_with_offsets<8>(x, {15, 2.0f, 63});
    BlockQ4_K block;
    block.scale = stored_half(fit.scale);
    block.minimum = stored_half(fit.minimum);
    store_scales(fit, block.scales);
    store_nibbles(fit.q, block.nibbles);
    return block;
  });
}

void encode_q5_k(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ5_K>(values, bytes, count, kBlock, [](const float* x) {
    const auto fit = fit_with_offsets<8>(x, {31, 1.5f, 63});
    BlockQ5_K block = {};
    block.scale = stored_half(fit.scale);
    block.minimum = stored_half(fit.minimum);
    store_scales(fit, block.scales);
    store_nibbles(fit.q, block.nibbles);
    for (int index = 0; index < kBlock; ++index)
      block.fifth_bits[index % kRun] = static_cast<uint8_t>(block.fifth_bits[index % kRun] |
                                                            (static_cast<int>(fit.q[index]) >> 4 & 1) << index / kRun);
    return block;
  });
}

void encode_q6_k(const float* values, std::byte* bytes, int64_t count) {
  encode_each_block<BlockQ6_K>(values, bytes, count, kBlock, [](const float* x) {
    const SymmetricBlock fit = fit_symmetric(x, {{-32, 31, 0.75f}, -128, 127});
    const auto quant = [&](int index) { return static_cast<int>(fit.q[index]) + 32; };
    BlockQ6_K block;
    block.scale = stored_half(fit.scale);
    for (int group = 0; group < 16; ++group) block.scales[group] = static_cast<int8_t>(fit.s[group]);
    // Nibbles: of each half of the block, 64 values in the low and 64 in the high ones.
    for (int at = 0; at < 128; ++at) {
      const int first = at / 64 * 128 + at % 64;
      block.nibbles[at] = static_cast<uint8_t>((quant(first) & 15) | (quant(first + 64) & 15) << 4);
    }
    store_crumbs([&](int index) { return quant(index) >> 4; }, block.crumbs);
    return block;
  });
}

}  // namespace paddock::tensor
