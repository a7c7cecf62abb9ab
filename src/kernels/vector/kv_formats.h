// SPDX-License-Identifier: Apache-2.0
#pragma once
// The formats of cached rows (tensor/kv_row.h) as the loops of attention meet them. `Lanes` is of an unnamed namespace,
// so that each file has its own instance. A format has
//   kUnit, kUnitBytes  what offsets can be computed from: a block, or one number
//   load               kCount numbers of a row; `unit` is the one that `index` counts from, a multiple of kCount
//   load_first         the first `count` of them; the other lanes are zero or anything finite
//   transpose          to[column][row] for kSquare columns of kCount rows
//   encode             as tensor::encode_kv_row, bit by bit

#include <cstddef>
#include <cstdint>

namespace paddock::kernels {

template <typename Lanes>
struct KvF32 {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kUnit = 1, kUnitBytes = 4, kSquare = 4;

  static const float* at(const std::byte* unit, int64_t index) { return reinterpret_cast<const float*>(unit) + index; }
  static Floats load(const std::byte* unit, int64_t index) { return Lanes::load(at(unit, index)); }
  static Floats load_first(const std::byte* unit, int64_t index, int64_t count) {
    return Lanes::load_first(at(unit, index), count);
  }
  static void transpose(const std::byte* square, int64_t row_bytes, float* to, int64_t to_stride) {
    typename Lanes::Words words[4];
    Lanes::transpose_words(square, row_bytes, words);
#pragma GCC unroll 4
    for (int64_t column = 0; column < 4; ++column)
      Lanes::store(to + column * to_stride, Lanes::as_floats(words[column]));
  }
  static void encode(const float* from, std::byte* to, int64_t width) {
    auto* floats = reinterpret_cast<float*>(to);
    int64_t index = 0;
    for (; index + Lanes::kCount <= width; index += Lanes::kCount)
      Lanes::store(floats + index, Lanes::load(from + index));
    if (index < width)
      Lanes::store_first(floats + index, Lanes::load_first(from + index, width - index), width - index);
  }
};

template <typename Lanes>
struct Binary16 {
  using Floats = typename Lanes::Floats;
  static Floats load(const uint16_t* from) { return Lanes::load(from); }
  static Floats load_first(const uint16_t* from, int64_t count) { return Lanes::load_first(from, count); }
  static void store(uint16_t* to, Floats x) { Lanes::store(to, x); }
  static void store_first(uint16_t* to, Floats x, int64_t count) { Lanes::store_first(to, x, count); }
  static void split(typename Lanes::Words pair, Floats* low, Floats* high) { Lanes::split_halves(pair, low, high); }
};

template <typename Lanes>
struct Bfloat16 {
  using Floats = typename Lanes::Floats;
  static Floats load(const uint16_t* from) { return Lanes::load_bf16(from); }
  static Floats load_first(const uint16_t* from, int64_t count) { return Lanes::load_bf16_first(from, count); }
  static void store(uint16_t* to, Floats x) { Lanes::store_bf16(to, x); }
  static void store_first(uint16_t* to, Floats x, int64_t count) { Lanes::store_bf16_first(to, x, count); }
  static void split(typename Lanes::Words pair, Floats* low, Floats* high) {
    *low = Lanes::as_floats(Lanes::shift_left(pair, 16));
    *high = Lanes::as_floats(Lanes::upper_half(pair));
  }
};

// Numbers of two bytes, Binary16 or Bfloat16.
template <typename Lanes, typename Half>
struct KvHalves {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kUnit = 1, kUnitBytes = 2, kSquare = 8;

  static const uint16_t* at(const std::byte* unit, int64_t index) {
    return reinterpret_cast<const uint16_t*>(unit) + index;
  }
  static Floats load(const std::byte* unit, int64_t index) { return Half::load(at(unit, index)); }
  static Floats load_first(const std::byte* unit, int64_t index, int64_t count) {
    return Half::load_first(at(unit, index), count);
  }
  static void transpose(const std::byte* square, int64_t row_bytes, float* to, int64_t to_stride) {
    typename Lanes::Words words[4];
    Lanes::transpose_words(square, row_bytes, words);
#pragma GCC unroll 4
    for (int64_t pair = 0; pair < 4; ++pair) {
      Floats low, high;
      Half::split(words[pair], &low, &high);
      Lanes::store(to + 2 * pair * to_stride, low);
      Lanes::store(to + (2 * pair + 1) * to_stride, high);
    }
  }
  static void encode(const float* from, std::byte* to, int64_t width) {
    auto* halves = reinterpret_cast<uint16_t*>(to);
    int64_t index = 0;
    for (; index + Lanes::kCount <= width; index += Lanes::kCount)
      Half::store(halves + index, Lanes::load(from + index));
    if (index < width) Half::store_first(halves + index, Lanes::load_first(from + index, width - index), width - index);
  }
};

// What encoding asks about a block of 32 numbers.
template <typename Lanes>
struct KvBlock {
  using Floats = typename Lanes::Floats;
  static constexpr int64_t kNumbers = 32;
  static constexpr int64_t kParts = kNumbers / Lanes::kCount;
  static constexpr uint16_t kInfinity = 0x7C00, kNan = 0x7E00;

  // The numbers from `first` on; what the last block lacks counts as its first.
  KvBlock(const float* from, int64_t first, int64_t width) {
    float padded[kNumbers];
    const float* numbers = from + first;
    if (first + kNumbers > width) {
      for (int64_t index = 0; index < kNumbers; ++index) padded[index] = numbers[first + index < width ? index : 0];
      numbers = padded;
    }
    for (int64_t part = 0; part < kParts; ++part) x[part] = Lanes::load(numbers + part * Lanes::kCount);
  }

  bool finite() const {
    Floats zeros = Lanes::zero();  // zero times infinity is not a number
    for (const Floats part : x) zeros = Lanes::add(zeros, Lanes::multiply(part, Lanes::zero()));
    float lanes[Lanes::kCount];
    Lanes::store(lanes, zeros);
    float sum = 0;
    for (const float lane : lanes) sum += lane;
    return sum == 0;
  }
  float largest_magnitude() const {
    Floats most = Lanes::zero();
    for (const Floats part : x) most = Lanes::maximum(most, Lanes::magnitude(part));
    return Lanes::largest(most);
  }
  float most() const {
    Floats most = x[0];
    for (const Floats part : x) most = Lanes::maximum(most, part);
    return Lanes::largest(most) + 0.0f;  // zero has one sign, whichever zero was found
  }
  float least() const {
    Floats most = Lanes::subtract(Lanes::zero(), x[0]);
    for (const Floats part : x) most = Lanes::maximum(most, Lanes::subtract(Lanes::zero(), part));
    return -Lanes::largest(most) + 0.0f;
  }
  static bool is_finite_half(uint16_t half) { return (half & kInfinity) != kInfinity; }
  static float inverse(uint16_t half) { return Lanes::from_half(half) > 0 ? 1 / Lanes::from_half(half) : 0; }
  static Floats clamped(Floats number, float least, float most) {
    return Lanes::minimum(Lanes::maximum(Lanes::round(number), Lanes::set(least)), Lanes::set(most));
  }

  Floats x[kParts];
};

// A block is written to a copy, of which the last of a row keeps a part.
template <typename Lanes, typename Format>
inline void encode_kv_blocks(const float* from, std::byte* to, int64_t width) {
  for (int64_t first = 0; first < width; first += Format::kUnit, to += Format::kUnitBytes) {
    std::byte block[Format::kUnitBytes] = {};
    Format::encode_block(KvBlock<Lanes>(from, first, width), block);
    __builtin_memcpy(to, block, static_cast<size_t>(Format::block_bytes(width - first)));
  }
}

template <typename Lanes>
struct KvQ8 {
  using Floats = typename Lanes::Floats;
  using Block = KvBlock<Lanes>;
  static constexpr int64_t kUnit = 32, kUnitBytes = 34, kSquare = 32;

  static const std::byte* block_of(const std::byte* unit, int64_t index) { return unit + index / kUnit * kUnitBytes; }
  static const std::byte* quants_of(const std::byte* unit, int64_t index) {
    return block_of(unit, index) + 2 + index % kUnit;
  }
  static Floats load(const std::byte* unit, int64_t index) {
    return Lanes::multiply(Lanes::load_signed(quants_of(unit, index)), Lanes::set_half(block_of(unit, index)));
  }
  static Floats load_first(const std::byte* unit, int64_t index, int64_t count) {
    return Lanes::multiply(Lanes::load_signed_first(quants_of(unit, index), count),
                           Lanes::set_half(block_of(unit, index)));
  }
  static void transpose(const std::byte* square, int64_t row_bytes, float* to, int64_t to_stride) {
    const Floats scale = Lanes::low_half(Lanes::words_at(square, row_bytes));
#pragma GCC unroll 2
    for (int64_t half = 0; half < 2; ++half) {
      typename Lanes::Words words[4];
      Lanes::transpose_words(square + 2 + 16 * half, row_bytes, words);
#pragma GCC unroll 16
      for (int column = 0; column < 16; ++column) {
        const auto quant = Lanes::shift_right_signed(Lanes::shift_left(words[column / 4], 24 - 8 * (column % 4)), 24);
        Lanes::store(to + (16 * half + column) * to_stride, Lanes::multiply(Lanes::from_integers(quant), scale));
      }
    }
  }

  static int64_t block_bytes(int64_t count) { return 2 + (count < kUnit ? count : kUnit); }
  static void encode_block(const Block& numbers, std::byte* block) {
    uint16_t scale = Lanes::to_half(numbers.largest_magnitude() / 127);
    const bool finite = numbers.finite() && Block::is_finite_half(scale);
    if (!finite) scale = Block::kNan;
    __builtin_memcpy(block, &scale, sizeof scale);
    if (!finite) return;
    const Floats factor = Lanes::set(Block::inverse(scale));
    for (int64_t part = 0; part < Block::kParts; ++part) {
      const Floats quants = Block::clamped(Lanes::multiply(numbers.x[part], factor), -127, 127);
      Lanes::store_low_bytes(block + 2 + part * Lanes::kCount, Lanes::to_integers(quants));
    }
  }
  static void encode(const float* from, std::byte* to, int64_t width) {
    encode_kv_blocks<Lanes, KvQ8>(from, to, width);
  }
};

template <typename Lanes>
struct KvQ4 {
  using Floats = typename Lanes::Floats;
  using Block = KvBlock<Lanes>;
  static constexpr int64_t kUnit = 32, kUnitBytes = 20, kSquare = 32;

  static const std::byte* block_of(const std::byte* unit, int64_t index) { return unit + index / kUnit * kUnitBytes; }
  static const std::byte* nibbles_of(const std::byte* unit, int64_t index) {
    return block_of(unit, index) + 4 + index % 16;
  }
  static int shift_of(int64_t index) { return index % kUnit < 16 ? 0 : 4; }
  // A quant times a half is exact, so that fusing the two changes nothing.
  static Floats number(typename Lanes::Words bytes, int shift, Floats scale, Floats minimum) {
    const auto quant = Lanes::low_nibbles(Lanes::shift_right(bytes, shift));
    return Lanes::multiply_add(Lanes::from_integers(quant), scale, minimum);
  }
  static Floats load(const std::byte* unit, int64_t index) {
    const std::byte* block = block_of(unit, index);
    return number(Lanes::load_bytes(nibbles_of(unit, index)), shift_of(index), Lanes::set_half(block),
                  Lanes::set_half(block + 2));
  }
  static Floats load_first(const std::byte* unit, int64_t index, int64_t count) {
    const std::byte* block = block_of(unit, index);
    return Lanes::between(number(Lanes::load_bytes_first(nibbles_of(unit, index), count), shift_of(index),
                                 Lanes::set_half(block), Lanes::set_half(block + 2)),
                          0, count, Lanes::zero());
  }
  static void transpose(const std::byte* square, int64_t row_bytes, float* to, int64_t to_stride) {
    const auto head = Lanes::words_at(square, row_bytes);
    const Floats scale = Lanes::low_half(head), minimum = Lanes::low_half(Lanes::shift_right(head, 16));
    typename Lanes::Words words[4];
    Lanes::transpose_words(square + 4, row_bytes, words);
#pragma GCC unroll 32
    for (int column = 0; column < 32; ++column)
      Lanes::store(to + column * to_stride,
                   number(words[column % 16 / 4], 8 * (column % 4) + shift_of(column), scale, minimum));
  }

  static int64_t block_bytes(int64_t count) { return 4 + (count < 16 ? count : 16); }
  static void encode_block(const Block& numbers, std::byte* block) {
    const float least = numbers.least();
    uint16_t head[2] = {Lanes::to_half((numbers.most() - least) / 15), Lanes::to_half(least)};
    const bool finite = numbers.finite() && Block::is_finite_half(head[0]) && Block::is_finite_half(head[1]);
    if (!finite) head[0] = Block::kNan, head[1] = 0;
    __builtin_memcpy(block, head, sizeof head);
    if (!finite) return;
    const Floats factor = Lanes::set(Block::inverse(head[0])), minimum = Lanes::set(Lanes::from_half(head[1]));
    const auto quants = [&](int64_t part) {
      return Lanes::to_integers(
          Block::clamped(Lanes::multiply(Lanes::subtract(numbers.x[part], minimum), factor), 0, 15));
    };
    for (int64_t part = 0; part < Block::kParts / 2; ++part)
      Lanes::store_low_bytes(block + 4 + part * Lanes::kCount,
                             Lanes::either(quants(part), Lanes::shift_left(quants(part + Block::kParts / 2), 4)));
  }
  static void encode(const float* from, std::byte* to, int64_t width) {
    encode_kv_blocks<Lanes, KvQ4>(from, to, width);
  }
};

}  // namespace paddock::kernels
