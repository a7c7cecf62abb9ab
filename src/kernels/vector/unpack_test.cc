// SPDX-License-Identifier: Apache-2.0
// Unpacked weights against the decoders: multiplied out they are equal to the bit, and nothing else is touched.

#include "kernels/vector/unpack.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/features.h"
#include "tensor/blocks.h"
#include "tensor/decode.h"

namespace paddock::kernels {
namespace {

using tensor::DType;

// Bytes between two pages that no one may touch, at the start or at the end of what lies between.
class Guarded {
 public:
  enum class Where { kAtStart, kAtEnd };
  Guarded(size_t size, Where where) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    const size_t inner = (size + page_ - 1) / page_ * page_;
    size_ = inner + 2 * page_;
    void* mapped = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(mapped, MAP_FAILED);
    start_ = static_cast<std::byte*>(mapped);
    EXPECT_EQ(mprotect(start_ + page_, inner, PROT_READ | PROT_WRITE), 0);
    data_ = start_ + page_ + (where == Where::kAtStart ? 0 : inner - size);
  }
  ~Guarded() { munmap(start_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  std::byte* data() { return data_; }

 private:
  size_t page_, size_;
  std::byte *start_, *data_;
};

// The upper bytes of a block's scale and minimum.
std::vector<size_t> upper_bytes(DType dtype) {
  using namespace tensor;  // NOLINT: for offsetof
  switch (dtype) {
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K: return {1, 3};
    case DType::kQ2_K: return {offsetof(BlockQ2_K, scale) + 1, offsetof(BlockQ2_K, minimum) + 1};
    case DType::kQ3_K: return {offsetof(BlockQ3_K, scale) + 1};
    case DType::kQ6_K: return {offsetof(BlockQ6_K, scale) + 1};
    case DType::kIQ1_M: return {offsetof(BlockIQ1_M, scales) + 7};  // whose upper nibble is the scale's
    case DType::kTQ1_0: return {offsetof(BlockTQ1_0, scale) + 1};
    case DType::kTQ2_0: return {offsetof(BlockTQ2_0, scale) + 1};
    case DType::kMXFP4: return {0};
    default: return {1};
  }
}

std::vector<DType> block_formats() {
  std::vector<DType> formats;
  for (int index = 0; index <= static_cast<int>(DType::kMXFP4); ++index)
    if (tensor::is_block_format(static_cast<DType>(index))) formats.push_back(static_cast<DType>(index));
  return formats;
}

class UnpackTest : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!cpu_features().avx2) GTEST_SKIP() << "this processor has no AVX2";
    unpacker_ = avx2::unpacker(GetParam());
    ASSERT_NE(unpacker_, nullptr);
  }

  void fill(std::byte* blocks, int64_t count, bool small_scales) {
    const size_t bytes = tensor::row_bytes(GetParam(), count);
    for (size_t index = 0; index < bytes; ++index) blocks[index] = static_cast<std::byte>(random_());
    if (!small_scales) return;
    // Without the largest bit of its exponent a half is below two, without the second a scale of MXFP4 at most 2^64.
    const auto block_bytes = static_cast<size_t>(tensor::info(GetParam()).bytes);
    for (const size_t upper : upper_bytes(GetParam()))
      for (size_t block = 0; block < bytes; block += block_bytes) blocks[block + upper] &= std::byte{0xBF};
  }

  // Unpacks guarded blocks to a guarded place and holds the result to decode_row.
  void check(int64_t blocks, int64_t stride, Guarded::Where where, bool small_scales) {
    const int64_t count = blocks * tensor::info(GetParam()).values;
    Guarded bytes(tensor::row_bytes(GetParam(), count), where);
    Guarded unpacked(static_cast<size_t>(count), where);
    fill(bytes.data(), count, small_scales);
    std::vector<float> expected(static_cast<size_t>(count));
    tensor::decode_row(GetParam(), bytes.data(), expected.data(), count);

    const float untouched = -12345.0f;
    const int64_t groups = count / unpacker_->group;
    std::vector<float> scales(static_cast<size_t>(groups * stride), untouched), offsets = scales;
    auto* quants = reinterpret_cast<int8_t*>(unpacked.data());
    unpacker_->unpack(bytes.data(), count, quants, scales.data(), unpacker_->offsets ? offsets.data() : nullptr,
                      stride);

    for (int64_t index = 0; index < count; ++index) {
      const auto at = static_cast<size_t>(index / unpacker_->group * stride);
      float found = scales[at] * static_cast<float>(quants[index]);
      if (unpacker_->offsets) found += offsets[at];
      const float value = expected[static_cast<size_t>(index)];
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(found) && !small_scales) << index;
      } else {
        ASSERT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(value))
            << index << ": " << found << ", not " << value;
      }
    }
    for (int64_t index = 0; index < groups * stride; ++index) {
      const bool between = index % stride != 0;
      ASSERT_TRUE(!between || scales[static_cast<size_t>(index)] == untouched) << index;
      const bool no_offset = between || !unpacker_->offsets;
      ASSERT_TRUE(!no_offset || offsets[static_cast<size_t>(index)] == untouched) << index;
    }
  }

  const Unpacker* unpacker_ = nullptr;
  std::mt19937 random_{11};
};

TEST_P(UnpackTest, HasTheBitsOfTheDecoderAndTouchesNothingElse) {
  for (const bool small_scales : {true, false})
    for (const int64_t blocks : {1, 2, 3, 17})
      for (const int64_t stride : {1, 16})
        for (const auto where : {Guarded::Where::kAtStart, Guarded::Where::kAtEnd}) {
          SCOPED_TRACE(testing::Message() << blocks << " blocks, stride " << stride << ", "
                                          << (small_scales ? "small" : "any") << " scales");
          ASSERT_NO_FATAL_FAILURE(check(blocks, stride, where, small_scales));
        }
}

// Enough random blocks for every row of every codebook, every byte of ternary digits, many subnormal scales.
TEST_P(UnpackTest, HasTheBitsOfTheDecoderInAThousandBlocks) {
  check(1000, 1, Guarded::Where::kAtEnd, true);
  check(1000, 1, Guarded::Where::kAtEnd, false);
}

TEST_P(UnpackTest, NoValuesTouchNothing) { unpacker_->unpack(nullptr, 0, nullptr, nullptr, nullptr, 1); }

INSTANTIATE_TEST_SUITE_P(Formats, UnpackTest, testing::ValuesIn(block_formats()),
                         [](const auto& format) { return std::string(tensor::name(format.param)); });

TEST(Unpack, IsForBlockFormats) {
  EXPECT_EQ(block_formats().size(), 22u);
  for (int index = 0; index <= static_cast<int>(DType::kMXFP4); ++index) {
    const auto dtype = static_cast<DType>(index);
    EXPECT_EQ(avx2::unpacker(dtype) != nullptr, tensor::is_block_format(dtype)) << tensor::name(dtype);
  }
}

}  // namespace
}  // namespace paddock::kernels
