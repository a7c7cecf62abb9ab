// SPDX-License-Identifier: Apache-2.0
// I-quants with codebooks of whole rows: blocks of 256 values, in rows of 8 (IQ1, IQ2) or 4 (IQ3).
//   IQ1_S, IQ1_M             x = (scale * (2 s + 1)) * (row[j] + shift)   shift = 1/8 or -1/8
//   IQ2_XXS, IQ2_XS, IQ2_S   x = (scale * (s + 1/2) / 4) * row[j] * sign
//   IQ3_XXS                  x = (scale * (s + 1/2) / 2) * row[j] * sign
//   IQ3_S                    x = (scale * (2 s + 1)) * row[j] * sign

#include "tensor/blocks.h"
#include "tensor/decode_formats.h"
#include "tensor/iq_codebooks.h"

namespace paddock::tensor {
namespace {

constexpr int kBlock = 256;
constexpr float kIq1Shift = 0.125f;

// x[j] = scale * row[j], negative where bit j of `signs` is set.
template <size_t kWidth>
void signed_row(const std::array<int8_t, kWidth>& row, int signs, float scale, float* x) {
  for (size_t index = 0; index < kWidth; ++index) {
    const int negative = signs >> index & 1;
    x[index] = scale * static_cast<float>(row[index] * (1 - 2 * negative));
  }
}

void shifted_row(const std::array<int8_t, 8>& row, bool down, float scale, float* x) {
  const float shift = down ? -kIq1Shift : kIq1Shift;
  for (size_t index = 0; index < row.size(); ++index) x[index] = scale * (static_cast<float>(row[index]) + shift);
}

// Element `index` of 4-bit numbers, two to a byte, the low half first.
int nibble(const uint8_t* bytes, int index) { return bytes[index / 2] >> (index % 2 * 4) & 15; }

float iq2_scale(float block_scale, int scale) { return block_scale * (0.5f + static_cast<float>(scale)) * 0.25f; }
float iq3_xxs_scale(float block_scale, int scale) { return block_scale * (0.5f + static_cast<float>(scale)) * 0.5f; }
float odd_scale(float block_scale, int scale) { return block_scale * static_cast<float>(2 * scale + 1); }

}  // namespace

void decode_iq1_s(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ1_S>(bytes, values, count, kBlock, [](const BlockIQ1_S& block, float* x) {
    const float block_scale = block.scale.value();
    for (int group = 0; group < 8; ++group) {
      const int bits = block.groups[group].value();
      const float scale = odd_scale(block_scale, bits >> 12 & 7);
      for (int part = 0; part < 4; ++part) {
        const int row = block.rows[group * 4 + part] | (bits >> (part * 3) & 7) << 8;
        shifted_row(kIq1Rows[static_cast<size_t>(row)], bits >> 15 != 0, scale, x + group * 32 + part * 8);
      }
    }
  });
}

void decode_iq1_m(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ1_M>(bytes, values, count, kBlock, [](const BlockIQ1_M& block, float* x) {
    int half = 0;
    for (int word = 0; word < 4; ++word) half |= (block.scales[word].value() >> 12) << (word * 4);
    const float block_scale = float_from_half(static_cast<uint16_t>(half));
    for (int part = 0; part < 32; ++part) {
      const int group = part / 2;  // of 16 values
      const float scale = odd_scale(block_scale, block.scales[group / 4].value() >> (group % 4 * 3) & 7);
      const int upper = nibble(block.upper, part);
      const int row = block.rows[part] | (upper & 7) << 8;
      shifted_row(kIq1Rows[static_cast<size_t>(row)], (upper & 8) != 0, scale, x + part * 8);
    }
  });
}

void decode_iq2_xxs(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ2_XXS>(bytes, values, count, kBlock, [](const BlockIQ2_XXS& block, float* x) {
    const float block_scale = block.scale.value();
    for (int group = 0; group < 8; ++group) {
      const uint32_t bits = block.groups[group].signs.value();
      const float scale = iq2_scale(block_scale, static_cast<int>(bits >> 28));
      for (int part = 0; part < 4; ++part)
        signed_row(kIq2XxsRows[block.groups[group].rows[part]], even_signs(bits >> (part * 7)), scale,
                   x + group * 32 + part * 8);
    }
  });
}

void decode_iq2_xs(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ2_XS>(bytes, values, count, kBlock, [](const BlockIQ2_XS& block, float* x) {
    const float block_scale = block.scale.value();
    for (int part = 0; part < 32; ++part) {
      const uint32_t bits = block.rows[part].value();
      const float scale = iq2_scale(block_scale, nibble(block.scales, part / 2));
      signed_row(kIq2XsRows[bits & 511], even_signs(bits >> 9), scale, x + part * 8);
    }
  });
}

void decode_iq2_s(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ2_S>(bytes, values, count, kBlock, [](const BlockIQ2_S& block, float* x) {
    const float block_scale = block.scale.value();
    for (int part = 0; part < 32; ++part) {
      const int row = block.rows[part] | (block.upper[part / 4] >> (part % 4 * 2) & 3) << 8;
      const float scale = iq2_scale(block_scale, nibble(block.scales, part / 2));
      signed_row(kIq2SRows[static_cast<size_t>(row)], block.signs[part], scale, x + part * 8);
    }
  });
}

void decode_iq3_xxs(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ3_XXS>(bytes, values, count, kBlock, [](const BlockIQ3_XXS& block, float* x) {
    const float block_scale = block.scale.value();
    for (int group = 0; group < 8; ++group) {
      const uint32_t bits = block.signs[group].value();
      const float scale = iq3_xxs_scale(block_scale, static_cast<int>(bits >> 28));
      for (int part = 0; part < 8; ++part)
        signed_row(kIq3XxsRows[block.rows[group * 8 + part]], even_signs(bits >> (part / 2 * 7)) >> (part % 2 * 4),
                   scale, x + group * 32 + part * 4);
    }
  });
}

void decode_iq3_s(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockIQ3_S>(bytes, values, count, kBlock, [](const BlockIQ3_S& block, float* x) {
    const float block_scale = block.scale.value();
    for (int part = 0; part < 64; ++part) {
      const int row = block.rows[part] | (block.upper[part / 8] >> (part % 8) & 1) << 8;
      const float scale = odd_scale(block_scale, nibble(block.scales, part / 8));
      signed_row(kIq3SRows[static_cast<size_t>(row)], block.signs[part / 2] >> (part % 2 * 4), scale, x + part * 4);
    }
  });
}

}  // namespace paddock::tensor
