// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops behind AttendKernels for registers of any width. `Lanes` (kernels/avx2/lanes.h, kernels/avx512/lanes.h) is
// of an unnamed namespace, so that each file has its own instance, compiled for its machine.
//
// Every number is computed by the same operations in the same order whatever the tile it falls into:
//   score[query][position] = scale * (q[0] k[0] -> + q[1] k[1] -> ...), FMAs
//   total = total * shrink + sixteen interleaved sums of the weights, added as a tree
//   out[query][column] = out * shrink -> + weight[begin] v[begin] -> + weight[begin + 1] v[begin + 1] -> ..., FMAs

#include <cstdint>
#include <type_traits>

#include "kernels/vector/attend_kernels.h"
#include "kernels/vector/exponential.h"
#include "kernels/vector/kv_formats.h"

namespace paddock::kernels {

template <typename Lanes>
struct AttendLoops {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kWidth = Lanes::kCount;
  static constexpr int64_t kParts = kLanes / kWidth;  // registers that hold kLanes floats
  static constexpr float kNothing = -__builtin_inff();

  // Queries of a tile: the more, the fewer loads for each FMA; six leave registers for as many loads as hide them.
  static constexpr int kQueries = 6;
  // Registers of columns that go with so many queries.
  static constexpr int columns_with(int queries) {
    int columns = 8;
    while (columns * queries > Lanes::kSums) columns /= 2;
    return columns;
  }

  static void add_positions(const QueryBlock& block, const CachedPositions& positions) {
    const int64_t queries = block.rows * block.group;
    const int64_t blind_rows = positions.begin + 1 - positions.end;  // rows that see none of the positions
    const int64_t first = (blind_rows > 0 ? blind_rows : 0) * block.group;
    if (first >= queries || positions.begin >= positions.count) return;
    for (int64_t query = first, row = first / block.group; query < queries; ++row) {
      const int64_t end = positions.end + row < positions.count ? positions.end + row : positions.count;
      for (int64_t head = 0; head < block.group; ++head) block.ends[query++] = static_cast<int32_t>(end);
    }
    with_format(positions.keys.dtype,
                [&](auto format) { transpose_keys<decltype(format)>(block, positions.keys, positions.count); });
    score(block, first, queries, (positions.count + kLanes - 1) / kLanes * kParts);
    weigh(block, first, queries, positions.begin);
    with_format(positions.values.dtype, [&](auto format) {
      add_stored<decltype(format)>(block, first, queries, positions.values, positions.begin, positions.count);
    });
  }

  static void merge(const SoftmaxSums& part, int64_t queries, int64_t padded_width, const SoftmaxSums& whole) {
    for (int64_t query = 0; query < queries; ++query) {
      if (part.maximum[query] == kNothing && part.total[query] == 0) continue;  // the query sees none of the positions
      const float old = whole.maximum[query], now = part.maximum[query];
      float* out = whole.out + query * padded_width;
      const float* more = part.out + query * padded_width;
      if (old == kNothing && whole.total[query] == 0) {  // copied, so that one segment is what it is alone
        whole.maximum[query] = now;
        whole.total[query] = part.total[query];
        for (int64_t column = 0; column < padded_width; column += kWidth)
          Lanes::store(out + column, Lanes::load(more + column));
        continue;
      }
      const float maximum = now > old ? now : old;
      const Floats shrink = exponential<Lanes>(Lanes::set(old - maximum));
      const Floats shrink_part = exponential<Lanes>(Lanes::set(now - maximum));
      const auto combine = [&](Floats a, Floats b) {
        return Lanes::multiply_add(a, shrink, Lanes::multiply(b, shrink_part));
      };
      float total[kWidth];
      Lanes::store(total, combine(Lanes::set(whole.total[query]), Lanes::set(part.total[query])));
      whole.maximum[query] = maximum;
      whole.total[query] = total[0];
      for (int64_t column = 0; column < padded_width; column += kWidth)
        Lanes::store(out + column, combine(Lanes::load(out + column), Lanes::load(more + column)));
    }
  }

  static void finish(const QueryBlock& block, const SoftmaxSums& sums, float* out) {
    const int64_t width = block.head_width;
    for (int64_t query = 0; query < block.rows * block.group; ++query) {
      const float* from = sums.out + query * block.padded_width;
      float* to = out + offset_of(block, query);
      const Floats total = Lanes::set(sums.total[query]);
      int64_t column = 0;
      for (; column + kWidth <= width; column += kWidth)
        Lanes::store(to + column, Lanes::divide(Lanes::load(from + column), total));
      if (column < width)
        Lanes::store_first(to + column, Lanes::divide(Lanes::load(from + column), total), width - column);
    }
  }

  static void encode_row(tensor::DType dtype, const float* from, std::byte* to, int64_t width) {
    with_format(dtype, [&](auto format) { decltype(format)::encode(from, to, width); });
  }

 private:
  template <typename Use>
  static void with_format(tensor::DType dtype, const Use& use) {
    switch (dtype) {
      case tensor::DType::kF16: use(KvHalves<Lanes, Binary16<Lanes>>()); break;
      case tensor::DType::kBF16: use(KvHalves<Lanes, Bfloat16<Lanes>>()); break;
      case tensor::DType::kQ8_0: use(KvQ8<Lanes>()); break;
      case tensor::DType::kQ4_1: use(KvQ4<Lanes>()); break;
      default: use(KvF32<Lanes>()); break;
    }
  }

  // Where a query begins, from the first; its output alike.
  static int64_t offset_of(const QueryBlock& block, int64_t query) {
    return query / block.group * block.row_stride + query % block.group * block.head_width;
  }

  // Asks for `bytes` that lie `ahead` after `from`, unless that is nothing. In order of address, which lets the
  // processor run ahead by itself. (GCC 12 drops calls of a function that only has __builtin_prefetch.)
  static void prefetch(const std::byte* from, int64_t bytes, ptrdiff_t ahead) {
    if (ahead == 0) return;
    for (int64_t index = 0; index < bytes; index += 64) __asm__ volatile("prefetcht1 %0" : : "m"(from[index + ahead]));
  }

  // Positions [first, first + count) as floats in rows of block.padded_width.
  template <typename Format>
  static void decode(const QueryBlock& block, const CachedRows& stored, int64_t first, int64_t count) {
    const int64_t width = block.head_width;
    for (int64_t position = first; position < first + count; ++position) {
      const std::byte* from = stored.first + position * stored.row_bytes;
      float* to = block.decoded + position * block.padded_width;
      prefetch(from, stored.row_bytes, stored.next);
      int64_t column = 0;
      for (; column + kWidth <= width; column += kWidth) Lanes::store(to + column, Format::load(from, column));
      if (column < width) {
        Lanes::store(to + column, Format::load_first(from, column, width - column));
        column += kWidth;
      }
      for (; column < block.padded_width; column += kWidth) Lanes::store(to + column, Lanes::zero());
    }
  }

  // What decode has written, with nothing to fetch.
  static CachedRows decoded_rows(const QueryBlock& block) {
    return {reinterpret_cast<const std::byte*>(block.decoded), tensor::DType::kF32,
            block.padded_width * static_cast<int64_t>(sizeof(float)), 0};
  }

  // block.keys[column][position] = stored[position][column], zero for positions from `count` to the next kLanes.
  template <typename Format>
  static void transpose_keys(const QueryBlock& block, const CachedRows& stored, int64_t count) {
    constexpr int64_t kSquareBytes = Format::kSquare / Format::kUnit * Format::kUnitBytes;
    int64_t position = 0;
    if (block.head_width % Format::kSquare == 0)
      for (; position + kWidth <= count; position += kWidth) {
        const std::byte* rows = stored.first + position * stored.row_bytes;
        for (int64_t square = 0; square < block.head_width / Format::kSquare; ++square) {
          prefetch(rows + kWidth * square * kSquareBytes, kWidth * kSquareBytes, stored.next);
          Format::transpose(rows + square * kSquareBytes, stored.row_bytes,
                            block.keys + square * Format::kSquare * kPositionsAtOnce + position, kPositionsAtOnce);
        }
      }
    // What does not fill a square: from a copy with zeros around it.
    const int64_t end = (count + kLanes - 1) / kLanes * kLanes;
    if (position == end) return;
    decode<Format>(block, stored, position, count - position);
    for (int64_t blank = count * block.padded_width; blank < end * block.padded_width; blank += kWidth)
      Lanes::store(block.decoded + blank, Lanes::zero());
    const CachedRows copy = decoded_rows(block);
    for (; position < end; position += kWidth)
      for (int64_t column = 0; column < block.padded_width; column += KvF32<Lanes>::kSquare)
        KvF32<Lanes>::transpose(copy.first + position * copy.row_bytes + column * static_cast<int64_t>(sizeof(float)),
                                copy.row_bytes, block.keys + column * kPositionsAtOnce + position, kPositionsAtOnce);
  }

  template <typename Format>
  static void add_stored(const QueryBlock& block, int64_t first, int64_t queries, const CachedRows& values,
                         int64_t begin, int64_t count) {
    // Numbers are converted in registers where each is used by a tile or two, otherwise once for all.
    const bool direct = std::is_same_v<Format, KvF32<Lanes>> || queries - first <= 2 * kQueries;
    if (direct && block.head_width == block.padded_width) {
      add_values<Format>(block, first, queries, begin, values);
    } else {
      decode<Format>(block, values, begin, count - begin);
      add_values<KvF32<Lanes>>(block, first, queries, begin, decoded_rows(block));
    }
  }

  // ---- scores

  static void score(const QueryBlock& block, int64_t first, int64_t end, int64_t registers) {
    for (int64_t query = first; query < end; query += kQueries) {
      const float* q[kQueries];
      const int64_t count = end - query < kQueries ? end - query : kQueries;
      for (int64_t index = 0; index < count; ++index) q[index] = block.q + offset_of(block, query + index);
      float* scores = block.scores + query * kPositionsAtOnce;
      switch (count) {
        case 1: score_queries<1>(block, q, registers, scores); break;
        case 2: score_queries<2>(block, q, registers, scores); break;
        case 3: score_queries<3>(block, q, registers, scores); break;
        case 4: score_queries<4>(block, q, registers, scores); break;
        case 5: score_queries<5>(block, q, registers, scores); break;
        default: score_queries<6>(block, q, registers, scores); break;
      }
    }
  }

  template <int kRows>
  static void score_queries(const QueryBlock& block, const float* const* q, int64_t registers, float* scores) {
    int64_t column = 0;
    score_columns<kRows, columns_with(kRows)>(block, q, registers, &column, scores);
  }
  template <int kRows, int kColumns>
  static void score_columns(const QueryBlock& block, const float* const* q, int64_t registers, int64_t* column,
                            float* scores) {
    for (; *column + kColumns <= registers; *column += kColumns)
      score_tile<kRows, kColumns>(q, block.head_width, block.keys + *column * kWidth, block.scale,
                                  scores + *column * kWidth);
    if constexpr (kColumns > 1) score_columns<kRows, kColumns / 2>(block, q, registers, column, scores);
  }

  template <int kRows, int kColumns>
  static void score_tile(const float* const* q, int64_t width, const float* keys, float scale, float* scores) {
    Floats sums[kRows][kColumns];
    const float* rows[kRows];
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      rows[row] = q[row];
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column) sums[row][column] = Lanes::zero();
    }
    for (int64_t index = 0; index < width; ++index) {
      Floats k[kColumns];
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column)
        k[column] = Lanes::load(keys + index * kPositionsAtOnce + column * kWidth);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const Floats x = Lanes::set(rows[row][index]);
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column)
          sums[row][column] = Lanes::multiply_add(x, k[column], sums[row][column]);
      }
    }
    const Floats factor = Lanes::set(scale);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column)
        Lanes::store(scores + row * kPositionsAtOnce + column * kWidth, Lanes::multiply(sums[row][column], factor));
  }

  // ---- softmax

  // Scores become weights relative to the new maximum, zero where a query does not see; block.shrink is what the sums
  // so far are to be multiplied by.
  static void weigh(const QueryBlock& block, int64_t first, int64_t queries, int64_t begin) {
    const Floats nothing = Lanes::set(kNothing);
    for (int64_t query = first; query < queries; ++query) {
      float* scores = block.scores + query * kPositionsAtOnce;
      const int64_t end = block.ends[query];
      Floats largest = nothing;
      for (int64_t start = 0; start < end; start += kWidth) {
        Floats x = Lanes::load(scores + start);
        if (begin > start || end < start + kWidth) {
          x = Lanes::between(x, clamp(begin - start), clamp(end - start), nothing);
          Lanes::store(scores + start, x);
        }
        largest = Lanes::maximum(largest, x);
      }
      const float old = block.sums.maximum[query], found = Lanes::largest(largest);
      const float maximum = found > old ? found : old;
      block.sums.maximum[query] = maximum;
      block.shrink[query] = old - maximum;
    }
    for (int64_t query = first; query < queries; query += kWidth)
      Lanes::store(block.shrink + query, exponential<Lanes>(Lanes::load(block.shrink + query)));
    for (int64_t query = first; query < queries; ++query) {
      float* scores = block.scores + query * kPositionsAtOnce;
      const Floats maximum = Lanes::set(block.sums.maximum[query]);
      Floats sums[kParts];
      for (Floats& sum : sums) sum = Lanes::zero();
      for (int64_t start = 0; start < block.ends[query]; start += kLanes)
#pragma GCC unroll 2
        for (int64_t part = 0; part < kParts; ++part) {
          float* at = scores + start + part * kWidth;
          // With two parts, the second may lie behind the end, where scores have not been taken away.
          if (start + part * kWidth >= block.ends[query]) continue;
          const Floats weight = exponential<Lanes>(Lanes::subtract(Lanes::load(at), maximum));
          Lanes::store(at, weight);
          sums[part] = Lanes::add(sums[part], weight);
        }
      float* total = block.sums.total + query;
      *total = *total * block.shrink[query] + Lanes::sum(sums);
    }
  }
  static int64_t clamp(int64_t lane) { return lane < 0 ? 0 : lane > kWidth ? kWidth : lane; }

  // ---- values

  template <typename Format>
  static void add_values(const QueryBlock& block, int64_t first, int64_t queries, int64_t begin, CachedRows values) {
    constexpr float kKeep[kQueries] = {1, 1, 1, 1, 1, 1};
    for (int64_t query = first; query < queries; query += kQueries) {
      const int64_t count = queries - query < kQueries ? queries - query : kQueries;
      const int64_t end = block.ends[query];  // the least: later rows see more
      add_to_queries<Format>(block, query, count, begin, end, values, block.shrink + query);
      values.next = 0;  // once is enough
      for (int64_t other = query + 1; other < query + count; ++other)
        if (block.ends[other] > end) add_to_queries<Format>(block, other, 1, end, block.ends[other], values, kKeep);
    }
  }

  template <typename Format>
  static void add_to_queries(const QueryBlock& block, int64_t query, int64_t count, int64_t begin, int64_t end,
                             const CachedRows& values, const float* shrink) {
    switch (count) {
      case 1: add_to_rows<Format, 1>(block, query, begin, end, values, shrink); break;
      case 2: add_to_rows<Format, 2>(block, query, begin, end, values, shrink); break;
      case 3: add_to_rows<Format, 3>(block, query, begin, end, values, shrink); break;
      case 4: add_to_rows<Format, 4>(block, query, begin, end, values, shrink); break;
      case 5: add_to_rows<Format, 5>(block, query, begin, end, values, shrink); break;
      default: add_to_rows<Format, 6>(block, query, begin, end, values, shrink); break;
    }
  }

  template <typename Format, int kRows>
  static void add_to_rows(const QueryBlock& block, int64_t query, int64_t begin, int64_t end, const CachedRows& values,
                          const float* shrink) {
    int64_t column = 0;
    add_to_columns<Format, kRows, columns_with(kRows)>(block, query, begin, end, values, shrink, &column);
  }
  template <typename Format, int kRows, int kColumns>
  static void add_to_columns(const QueryBlock& block, int64_t query, int64_t begin, int64_t end,
                             const CachedRows& values, const float* shrink, int64_t* column) {
    for (; *column + kColumns * kWidth <= block.padded_width; *column += kColumns * kWidth)
      add_tile<Format, kRows, kColumns>(block, query, begin, end, values, shrink, *column);
    if constexpr (kColumns > 1)
      add_to_columns<Format, kRows, kColumns / 2>(block, query, begin, end, values, shrink, column);
  }

  template <typename Format, int kRows, int kColumns>
  static void add_tile(const QueryBlock& block, int64_t query, int64_t begin, int64_t end, const CachedRows& values,
                       const float* shrink, int64_t first_column) {
    constexpr int64_t kTile = kColumns * kWidth;
    const float* weights = block.scores + query * kPositionsAtOnce;
    float* out = block.sums.out + query * block.padded_width + first_column;
    Floats sums[kRows][kColumns];
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
      const Floats factor = Lanes::set(shrink[row]);
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column)
        sums[row][column] = Lanes::multiply(Lanes::load(out + row * block.padded_width + column * kWidth), factor);
    }
    const std::byte* unit = values.first + first_column / Format::kUnit * Format::kUnitBytes;
    const int64_t in_unit =
        kTile % Format::kUnit == 0 ? 0 : first_column % Format::kUnit;  // a constant where it can be
    // Each pass over the positions fetches its part of the next ones.
    const int64_t share = values.row_bytes * kTile / block.padded_width;
    const std::byte* fetched =
        values.first + begin * values.row_bytes + values.row_bytes * first_column / block.padded_width * (end - begin);
    for (int64_t position = begin; position < end; ++position, fetched += share) {
      prefetch(fetched, share, values.next);
      Floats v[kColumns];
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column)
        v[column] = Format::load(unit + position * values.row_bytes, in_unit + column * kWidth);
#pragma GCC unroll 8
      for (int row = 0; row < kRows; ++row) {
        const Floats x = Lanes::set(weights[row * kPositionsAtOnce + position]);
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column)
          sums[row][column] = Lanes::multiply_add(x, v[column], sums[row][column]);
      }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 8
      for (int column = 0; column < kColumns; ++column)
        Lanes::store(out + row * block.padded_width + column * kWidth, sums[row][column]);
  }
};

}  // namespace paddock::kernels
