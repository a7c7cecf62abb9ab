#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/tensor/iq_codebooks.cc: the codebooks of GGUF's I-quants, packed. Needs the Python package gguf.

    scripts/make_iq_codebooks.py > src/tensor/iq_codebooks.cc
"""

from gguf import quants

# Our name, the format that holds the table, bits of a packed element.
CODEBOOKS = [
    ("Iq1", quants.IQ1_S, 2),
    ("Iq2Xxs", quants.IQ2_XXS, 2),
    ("Iq2Xs", quants.IQ2_XS, 2),
    ("Iq2S", quants.IQ2_S, 2),
    ("Iq3Xxs", quants.IQ3_XXS, 4),
    ("Iq3S", quants.IQ3_S, 4),
]

HEAD = """// SPDX-License-Identifier: Apache-2.0
// Made by scripts/make_iq_codebooks.py; do not edit. Data that the formats define: a row is 16 bits, its first element in the
// lowest two (rows of eight) or four bits (rows of four), each the index of a value.

#include "tensor/iq_codebooks.h"

namespace paddock::tensor {
namespace {

// clang-format off"""

TAIL = """// clang-format on

template <size_t kWidth, size_t kRows, size_t kValues>
constexpr Codebook<kRows, kWidth> unpack(const uint16_t (&packed)[kRows], const int8_t (&values)[kValues]) {
  constexpr int kBits = 16 / kWidth;
  Codebook<kRows, kWidth> rows{};
  for (size_t row = 0; row < kRows; ++row)
    for (size_t element = 0; element < kWidth; ++element)
      rows[row][element] = values[packed[row] >> (static_cast<int>(element) * kBits) & ((1 << kBits) - 1)];
  return rows;
}

}  // namespace
"""


def main():
    print(HEAD)
    unpacked = []
    for name, quant, bits in CODEBOOKS:
        quant.init_grid()
        grid = quant.grid.reshape(quant.grid_shape).astype(int)
        index_of = {int(value): index for index, value in enumerate(quant.grid_map)}
        packed = [sum(index_of[int(value)] << (bits * place) for place, value in enumerate(row)) for row in grid]
        rows, width = quant.grid_shape
        print(f"constexpr int8_t k{name}Values[] = {{{', '.join(str(int(value)) for value in quant.grid_map)}}};")
        print(f"constexpr uint16_t k{name}Packed[{rows}] = {{")
        for first in range(0, rows, 16):
            print("  " + ",".join(f"0x{row:04x}" for row in packed[first : first + 16]) + ",")
        print("};\n")
        unpacked.append(
            f"constexpr Codebook<{rows}, {width}> k{name}Rows = unpack<{width}>(k{name}Packed, k{name}Values);")
    print(TAIL)
    print("\n".join(unpacked))
    print("\n}  // namespace paddock::tensor")


main()
