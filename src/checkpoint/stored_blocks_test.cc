// SPDX-License-Identifier: Apache-2.0
// Every block format, bit for bit, against values that ggml's reference computed from the same bytes.

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "tensor/decode.h"

namespace paddock::checkpoint {
namespace {

using tensor::DType;

class StoredBlocks : public ::testing::TestWithParam<DType> {};

TEST_P(StoredBlocks, DecodeToTheStoredValues) {
  const auto blocks = Checkpoint::open(PADDOCK_SOURCE_DIR "/tests/data/gguf/blocks.safetensors");
  ASSERT_TRUE(blocks) << blocks.error().message;
  const std::string format(tensor::name(GetParam()));
  const NamedTensor* bytes = blocks->find(format + ".bytes");
  const NamedTensor* values = blocks->find(format + ".values");
  ASSERT_NE(bytes, nullptr);
  ASSERT_NE(values, nullptr);
  ASSERT_EQ(values->view.shape, (tensor::Shape{8, 512}));
  ASSERT_EQ(bytes->view.bytes.size(), tensor::row_bytes(GetParam(), 8 * 512));
  std::vector<float> decoded(8 * 512);
  tensor::decode_row(GetParam(), bytes->view.bytes.data(), decoded.data(), 8 * 512);
  EXPECT_EQ(std::memcmp(decoded.data(), values->view.bytes.data(), values->view.bytes.size()), 0);
}

// Each format that has stored bytes; the next test sees to it that these are all.
std::vector<DType> formats() {
  std::vector<DType> all = {DType::kF16, DType::kBF16};
  for (int index = 0; index <= static_cast<int>(DType::kMXFP4); ++index)
    if (const auto dtype = static_cast<DType>(index); tensor::is_block_format(dtype)) all.push_back(dtype);
  return all;
}

TEST(StoredBlocks, AreOfEveryFormat) {
  const auto blocks = Checkpoint::open(PADDOCK_SOURCE_DIR "/tests/data/gguf/blocks.safetensors");
  ASSERT_TRUE(blocks) << blocks.error().message;
  std::set<std::string> stored;
  for (const NamedTensor& tensor : blocks->tensors())
    if (const size_t suffix = tensor.name.find(".bytes"); suffix != std::string::npos)
      stored.insert(tensor.name.substr(0, suffix));
  std::set<std::string> tested;
  for (const DType dtype : formats()) tested.emplace(tensor::name(dtype));
  EXPECT_EQ(stored, tested);
  EXPECT_EQ(stored.size(), 24u);
}

INSTANTIATE_TEST_SUITE_P(Formats, StoredBlocks, ::testing::ValuesIn(formats()),
                         [](const auto& instance) { return std::string(tensor::name(instance.param)); });

}  // namespace
}  // namespace paddock::checkpoint
