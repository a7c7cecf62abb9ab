// SPDX-License-Identifier: Apache-2.0
// Products of float32 matrices in packed panels                        (Goto and van de Geijn, ACM TOMS 34, 2008):
// B is packed once for all threads, A by each thread for the piece of C that it computes.
#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/vector/trainer.h"

namespace paddock::kernels {
namespace {

// Numbers of A and B side by side: A's piece stays in the second cache, a panel of B in the first.
constexpr int64_t kDepth = 256;
// Rows of C that a thread computes at a time, and columns.
constexpr int64_t kRowsOfPiece = 240, kColumnsOfPiece = 1536;
constexpr int64_t kPackedNumbers = 8 << 20;  // of B, at once

int64_t rounded_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// The same product the other way round, c^T = b^T a^T, where that makes rows of c contiguous.
PlaneProduct with_rows_of_c(const PlaneProduct& product) {
  if (product.c.column_stride == 1 || product.c.row_stride != 1) return product;
  return {product.b.transposed(), product.a.transposed(), product.c.transposed(), product.scale};
}

StridedFloats strided(const Plane& plane) {
  return {HostMemory::floats(plane.address), plane.row_stride, plane.column_stride};
}

void set_to_zero(const Plane& c) {
  for (int64_t row = 0; row < c.rows; ++row)
    for (int64_t column = 0; column < c.columns; ++column)
      HostMemory::floats(c.address)[row * c.row_stride + column * c.column_stride] = 0;
}

}  // namespace

// Some columns of a product, with where they are packed.
struct VectorTrainer::Slice {
  PlaneProduct product;
  int64_t packed = 0;        // offset of its panels of B
  int64_t panels = 0;        // of columns
  int64_t first_panel = 0;   // counted over all slices
  int64_t first_piece = 0;
  int64_t row_pieces = 0, column_pieces = 0;
};

void VectorTrainer::multiply(const Multiply& op) {
  std::vector<Slice> slices;
  int64_t numbers = 0;
  const auto flush = [&] {
    if (!slices.empty()) multiply_slices(slices, op.add);
    slices.clear();
    numbers = 0;
  };
  for (const PlaneProduct& given : op.products) {
    const PlaneProduct product = with_rows_of_c(given);
    CHECK(product.a.rows == product.c.rows && product.b.columns == product.c.columns);
    CHECK(product.a.columns == product.b.rows);
    if (product.c.rows == 0 || product.c.columns == 0) continue;
    if (product.a.columns == 0) {
      if (!op.add) set_to_zero(product.c);
      continue;
    }
    const int64_t depth = product.a.columns;
    const int64_t most = std::max<int64_t>(1, kPackedNumbers / 2 / depth / kernels_.panel_columns) * kernels_.panel_columns;
    for (int64_t first = 0; first < product.c.columns; first += most) {
      const int64_t columns = std::min(most, product.c.columns - first);
      const int64_t needed = rounded_up(columns, kernels_.panel_columns) * depth;
      if (numbers + needed > kPackedNumbers) flush();
      slices.push_back({{product.a, product.b.columns_from(first, columns), product.c.columns_from(first, columns),
                         product.scale},
                        numbers});
      numbers += needed;
    }
  }
  flush();
}

void VectorTrainer::multiply_slices(std::span<const Slice> given, bool add) {
  std::vector<Slice> slices(given.begin(), given.end());
  int64_t panels = 0, pieces = 0, numbers = 0;
  const int64_t width = kernels_.panel_columns, height = kernels_.panel_rows;
  for (Slice& slice : slices) {
    const Plane& c = slice.product.c;
    slice.panels = (c.columns + width - 1) / width;
    slice.first_panel = panels;
    panels += slice.panels;
    slice.row_pieces = (c.rows + kRowsOfPiece - 1) / kRowsOfPiece;
    slice.column_pieces = (c.columns + kColumnsOfPiece - 1) / kColumnsOfPiece;
    slice.first_piece = pieces;
    pieces += slice.row_pieces * slice.column_pieces;
    numbers = slice.packed + slice.panels * width * slice.product.a.columns;
  }
  if (static_cast<int64_t>(packed_.size()) < numbers) packed_.resize(static_cast<size_t>(numbers));
  scratch_.resize(static_cast<size_t>(pool_.threads()));
  const auto slice_of = [&](int64_t index, int64_t Slice::* first) -> const Slice& {
    return *std::prev(std::upper_bound(slices.begin(), slices.end(), index,
                                       [&](int64_t value, const Slice& slice) { return value < slice.*first; }));
  };

  // Panels of B: depth is cut in steps of kDepth, those of one step lie side by side.
  pool_.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) {
      const Slice& slice = slice_of(index, &Slice::first_panel);
      const Plane& b = slice.product.b;
      const int64_t panel = index - slice.first_panel, columns = std::min(width, b.columns - panel * width);
      for (int64_t k = 0; k < b.rows; k += kDepth) {
        const int64_t depth = std::min(kDepth, b.rows - k);
        kernels_.pack_columns(strided(b.columns_from(panel * width, columns).rows_from(k, depth)), columns, depth,
                              packed_.data() + slice.packed + k * slice.panels * width + panel * width * depth);
      }
    }
  });

  pool_.parallel_for(pieces, 1, [&](int64_t begin, int64_t end, int thread) {
    std::vector<float>& packed_a = scratch_[static_cast<size_t>(thread)];
    packed_a.resize(static_cast<size_t>(rounded_up(kRowsOfPiece, height) * kDepth));
    std::vector<float> corner(static_cast<size_t>(height * width));
    for (int64_t index = begin; index < end; ++index) {
      const Slice& slice = slice_of(index, &Slice::first_piece);
      const PlaneProduct& product = slice.product;
      const int64_t piece = index - slice.first_piece;
      const int64_t first_row = piece / slice.column_pieces * kRowsOfPiece;
      const int64_t first_column = piece % slice.column_pieces * kColumnsOfPiece;
      const int64_t rows = std::min(kRowsOfPiece, product.c.rows - first_row);
      const int64_t columns = std::min(kColumnsOfPiece, product.c.columns - first_column);
      for (int64_t k = 0; k < product.a.columns; k += kDepth) {
        const int64_t depth = std::min(kDepth, product.a.columns - k);
        const bool adds = add || k > 0;
        for (int64_t row = 0; row < rows; row += height) {
          const int64_t count = std::min(height, rows - row);
          kernels_.pack_rows(
              strided(product.a.rows_from(first_row + row, count).columns_from(k, depth)), count, depth,
              packed_a.data() + row * depth);
        }
        for (int64_t column = 0; column < columns; column += width) {
          const int64_t wide = std::min(width, columns - column), panel = (first_column + column) / width;
          const float* b =
              packed_.data() + slice.packed + k * slice.panels * width + panel * width * depth;
          for (int64_t row = 0; row < rows; row += height) {
            const int64_t count = std::min(height, rows - row);
            const Plane c = product.c.rows_from(first_row + row, count).columns_from(first_column + column, wide);
            float* to = HostMemory::floats(c.address);
            if (c.column_stride == 1) {
              kernels_.multiply(packed_a.data() + row * depth, b, depth, count, wide, product.scale, adds, to,
                                c.row_stride);
              continue;
            }
            kernels_.multiply(packed_a.data() + row * depth, b, depth, count, wide, product.scale, false,
                              corner.data(), width);
            for (int64_t i = 0; i < count; ++i)
              for (int64_t j = 0; j < wide; ++j) {
                float& number = to[i * c.row_stride + j * c.column_stride];
                number = corner[static_cast<size_t>(i * width + j)] + (adds ? number : 0.0f);
              }
          }
        }
      }
    }
  });
}

}  // namespace paddock::kernels
