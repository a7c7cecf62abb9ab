// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace paddock::kernels::amx {

// The operand of LDTILECFG.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// GCC 12 does not know what loads of tiles and of their configuration read: what was written before them has to be in
// memory.
static inline void settle_memory() { __asm__ volatile("" : : : "memory"); }

// All eight tiles with 16 rows of 64 bytes.
static inline void configure_whole_tiles() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.rows[tile] = 16;
    config.row_bytes[tile] = 64;
  }
  settle_memory();
  _tile_loadconfig(&config);
}

}  // namespace paddock::kernels::amx
