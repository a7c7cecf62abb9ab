// SPDX-License-Identifier: Apache-2.0
// Products of float32 matrices in packed panels                        (Goto and van de Geijn, ACM TOMS 34, 2008):
// B is packed once for all threads, A by each thread for the piece of C that it computes.
#include <algorithm>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/vector/trainer.h"

namespace paddock::kernels {
namespace {

// Rows of C that a thread computes at a time at most, and columns: A's part of a piece stays in the second cache, and
// what is packed is used often enough.
constexpr int64_t kMostRowsOfPiece = 256, kColumnsOfPiece = 1536;
constexpr int64_t kPiecesOfAThread = 4;    // at least, where there are rows enough: else one thread waits for another
constexpr size_t kPackedBytes = 32 << 20;  // of B, at once

int64_t rounded_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// Depth is cut in steps of about one size, of which all but the last are this deep.
int64_t depth_of_step(const TrainingProducts& products, int64_t depth) {
  const int64_t steps = (depth + products.depth - 1) / products.depth;
  return rounded_up((depth + steps - 1) / steps, products.depth_step);
}

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

std::byte* PackedMemory::of(size_t bytes) {
  if (bytes > bytes_) {
    bytes_ = (bytes + 63) / 64 * 64;
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(64, bytes_)));
    CHECK(memory_ != nullptr);
  }
  return memory_.get();
}

// Some columns of a product, with where they are packed.
struct VectorTrainer::Slice {
  PlaneProduct product;
  int64_t packed = 0;                        // where its panels of B begin, in packed numbers
  int64_t panels = 0;                        // of columns
  int64_t first_panel = 0, first_piece = 0;  // counted over all slices
  int64_t column_pieces = 0;
  int64_t depth = 0;  // of a step
};

void VectorTrainer::multiply(const Multiply& op) {
  const TrainingProducts& products = op.rounded ? rounded_ : kernels_.products;
  const auto most_numbers = static_cast<int64_t>(kPackedBytes / products.number_bytes);
  std::vector<Slice> slices;
  int64_t numbers = 0;
  const auto flush = [&] {
    if (!slices.empty()) multiply_slices(std::move(slices), products, op.add);
    slices = {};
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
    const int64_t depth = rounded_up(product.a.columns, products.depth_step), width = products.panel_columns;
    const int64_t most = std::max<int64_t>(1, most_numbers / 2 / depth / width) * width;
    for (int64_t first = 0; first < product.c.columns; first += most) {
      const int64_t columns = std::min(most, product.c.columns - first);
      const int64_t needed = rounded_up(columns, width) * depth;
      if (numbers + needed > most_numbers) flush();
      slices.push_back(
          {{product.a, product.b.columns_from(first, columns), product.c.columns_from(first, columns), product.scale},
           numbers});
      numbers += needed;
    }
  }
  flush();
}

void VectorTrainer::multiply_slices(std::vector<Slice> slices, const TrainingProducts& products, bool add) {
  const int64_t width = products.panel_columns, height = products.panel_rows;
  const auto bytes = [&](int64_t numbers) { return static_cast<size_t>(numbers) * products.number_bytes; };
  int64_t all_rows = 0;  // of all pieces' columns
  for (const Slice& slice : slices)
    all_rows += slice.product.c.rows * ((slice.product.c.columns + kColumnsOfPiece - 1) / kColumnsOfPiece);
  const int64_t rows_of_piece = std::clamp(rounded_up(all_rows / (pool_.threads() * kPiecesOfAThread), height), height,
                                           kMostRowsOfPiece / height * height);
  int64_t panels = 0, pieces = 0, numbers = 0;
  for (Slice& slice : slices) {
    const Plane& c = slice.product.c;
    slice.panels = (c.columns + width - 1) / width;
    slice.first_panel = panels;
    panels += slice.panels;
    slice.column_pieces = (c.columns + kColumnsOfPiece - 1) / kColumnsOfPiece;
    slice.first_piece = pieces;
    pieces += (c.rows + rows_of_piece - 1) / rows_of_piece * slice.column_pieces;
    slice.depth = depth_of_step(products, slice.product.a.columns);
    numbers = slice.packed + slice.panels * width * rounded_up(slice.product.a.columns, products.depth_step);
  }
  std::byte* const packed = packed_.of(bytes(numbers));
  scratch_.resize(static_cast<size_t>(pool_.threads()));
  const auto slice_of = [&](int64_t index, int64_t Slice::*first) -> const Slice& {
    return *std::prev(std::upper_bound(slices.begin(), slices.end(), index,
                                       [&](int64_t value, const Slice& slice) { return value < slice.*first; }));
  };
  // The panels of a step lie side by side.
  const auto place_of_panel = [&](const Slice& slice, int64_t k, int64_t panel, int64_t depth) {
    return packed +
           bytes(slice.packed + k * slice.panels * width + panel * width * rounded_up(depth, products.depth_step));
  };

  pool_.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) {
      const Slice& slice = slice_of(index, &Slice::first_panel);
      const Plane& b = slice.product.b;
      const int64_t panel = index - slice.first_panel, columns = std::min(width, b.columns - panel * width);
      for (int64_t k = 0; k < b.rows; k += slice.depth) {
        const int64_t depth = std::min(slice.depth, b.rows - k);
        products.pack_columns(strided(b.columns_from(panel * width, columns).rows_from(k, depth)), columns, depth,
                              place_of_panel(slice, k, panel, depth));
      }
    }
  });

  pool_.parallel_for(pieces, 1, [&](int64_t begin, int64_t end, int thread) {
    std::byte* const rows_of_a = scratch_[static_cast<size_t>(thread)].of(
        bytes(rows_of_piece * rounded_up(products.depth, products.depth_step)));
    std::vector<float> corner(static_cast<size_t>(height * width));
    if (products.begin != nullptr) products.begin();
    for (int64_t index = begin; index < end; ++index) {
      const Slice& slice = slice_of(index, &Slice::first_piece);
      const PlaneProduct& product = slice.product;
      const int64_t piece = index - slice.first_piece;
      const int64_t first_row = piece / slice.column_pieces * rows_of_piece;
      const int64_t first_column = piece % slice.column_pieces * kColumnsOfPiece;
      const int64_t rows = std::min(rows_of_piece, product.c.rows - first_row);
      const int64_t columns = std::min(kColumnsOfPiece, product.c.columns - first_column);
      for (int64_t k = 0; k < product.a.columns; k += slice.depth) {
        const int64_t depth = std::min(slice.depth, product.a.columns - k);
        const bool adds = add || k > 0;
        const auto a_at = [&](int64_t row) { return rows_of_a + bytes(row * rounded_up(depth, products.depth_step)); };
        for (int64_t row = 0; row < rows; row += height) {
          const int64_t count = std::min(height, rows - row);
          products.pack_rows(strided(product.a.rows_from(first_row + row, count).columns_from(k, depth)), count, depth,
                             a_at(row));
        }
        for (int64_t column = 0; column < columns; column += width) {
          const int64_t wide = std::min(width, columns - column);
          const std::byte* b = place_of_panel(slice, k, (first_column + column) / width, depth);
          for (int64_t row = 0; row < rows; row += height) {
            const int64_t count = std::min(height, rows - row);
            const Plane c = product.c.rows_from(first_row + row, count).columns_from(first_column + column, wide);
            float* to = HostMemory::floats(c.address);
            if (c.column_stride == 1) {
              products.multiply(a_at(row), b, depth, count, wide, product.scale, adds, to, c.row_stride);
              continue;
            }
            products.multiply(a_at(row), b, depth, count, wide, product.scale, false, corner.data(), width);
            for (int64_t i = 0; i < count; ++i)
              for (int64_t j = 0; j < wide; ++j) {
                float& number = to[i * c.row_stride + j * c.column_stride];
                number = corner[static_cast<size_t>(i * width + j)] + (adds ? number : 0.0f);
              }
          }
        }
      }
    }
    if (products.end != nullptr) products.end();
  });
}

}  // namespace paddock::kernels
