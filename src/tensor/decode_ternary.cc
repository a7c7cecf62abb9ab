// SPDX-License-Identifier: Apache-2.0
// Ternary blocks: x = scale * t with t in {-1, 0, 1}.
//   TQ1_0  base 3, five digits in most bytes    TQ2_0  t + 1 in two bits (the bit pattern 3 decodes as 2)

#include "tensor/blocks.h"
#include "tensor/decode_formats.h"

namespace paddock::tensor {
namespace {

constexpr int kBlock = 256;

// A byte is a fraction of 256 written in base 3: multiplying by 3^n moves digit n in front of the point (the digits
// before it overflow and are dropped), and times 3 / 256 is then that digit.
int trit(uint8_t byte, int digit) {
  constexpr uint8_t kPower[] = {1, 3, 9, 27, 81};
  const auto fraction = static_cast<uint8_t>(byte * kPower[digit]);
  return (fraction * 3 >> 8) - 1;
}

}  // namespace

void decode_tq1_0(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockTQ1_0>(bytes, values, count, kBlock, [](const BlockTQ1_0& block, float* x) {
    const float scale = block.scale.value();
    // All first digits of a run of bytes, then all second digits, ...
    const auto decode_run = [&](const uint8_t* run, int length, int digits) {
      for (int digit = 0; digit < digits; ++digit)
        for (int index = 0; index < length; ++index) *x++ = scale * static_cast<float>(trit(run[index], digit));
    };
    decode_run(block.five_trits, 32, 5);
    decode_run(block.five_trits + 32, 16, 5);
    decode_run(block.four_trits, 4, 4);
  });
}

void decode_tq2_0(const std::byte* bytes, float* values, int64_t count) {
  for_each_block<BlockTQ2_0>(bytes, values, count, kBlock, [](const BlockTQ2_0& block, float* x) {
    const float scale = block.scale.value();
    for (int run = 0; run < 8; ++run) {
      const uint8_t* crumbs = block.crumbs + run / 4 * 32;
      for (int index = 0; index < 32; ++index)
        x[run * 32 + index] = scale * static_cast<float>((crumbs[index] >> (run % 4 * 2) & 3) - 1);
    }
  });
}

}  // namespace paddock::tensor
