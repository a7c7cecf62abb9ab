// SPDX-License-Identifier: Apache-2.0
#pragma once
// A matrix of float32 numbers as it lies in memory, a part of one, or one read the other way round.

#include <cstdint>

#include "kernels/contracts/memory.h"

namespace paddock::kernels {

// Number (row, column) lies at address + row * row_stride + column * column_stride, counted in floats.
struct Plane {
  Address address;
  int64_t rows = 0, columns = 0;
  int64_t row_stride = 0, column_stride = 1;

  static Plane of(Address address, int64_t rows, int64_t columns) { return {address, rows, columns, columns, 1}; }
  static Plane of(const Rows& rows) { return of(rows.address, rows.rows, rows.width); }

  Plane transposed() const { return {address, columns, rows, column_stride, row_stride}; }
  Plane rows_from(int64_t first, int64_t count) const { return part(first * row_stride, count, columns); }
  Plane columns_from(int64_t first, int64_t count) const { return part(first * column_stride, rows, count); }

 private:
  Plane part(int64_t offset, int64_t of_rows, int64_t of_columns) const {
    return {address.plus(static_cast<size_t>(offset) * sizeof(float)), of_rows, of_columns, row_stride, column_stride};
  }
};

}  // namespace paddock::kernels
