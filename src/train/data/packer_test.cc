// SPDX-License-Identifier: Apache-2.0
#include "train/data/packer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "kernels/contracts/training/token_loss.h"

namespace paddock::train {
namespace {

namespace fs = std::filesystem;

// Documents whose tokens say where they come from: 1000 document + place. The first quarter is not learned.
class PackerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("packer" + std::to_string(::getpid()));
    auto writer = TokenStoreWriter::create(folder_, 100);
    ASSERT_TRUE(writer);
    for (size_t document = 0; document < lengths_.size(); ++document) {
      Document made;
      for (int32_t at = 0; at < lengths_[document]; ++at) {
        made.tokens.push_back(static_cast<int32_t>(1000 * document) + at);
        made.is_trained.push_back(at >= lengths_[document] / 4 ? 1 : 0);
      }
      ASSERT_TRUE(writer->add(made));
    }
    ASSERT_TRUE(writer->finish("test", 0));
    auto store = TokenStore::open(folder_, "test", 100000);
    ASSERT_TRUE(store) << store.error().message;
    store_.emplace(std::move(*store));
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<int64_t> all() const { return split_documents(store_->totals().documents, 1, 0, 0).train; }

  const std::vector<int32_t> lengths_ = {5, 33, 1, 70, 16, 8, 120, 2, 40, 40, 17, 3};
  fs::path folder_;
  std::optional<TokenStore> store_;
};

TEST_F(PackerTest, EveryTargetComesOnceInAnEpochAndFollowsItsToken) {
  Packer packer(&*store_, all(), {.length = 24, .rows = 3, .split = true, .seed = 4});
  std::map<int32_t, int> seen;
  DataPosition position;
  while (position.epoch == 0 && position.next < packer.documents()) {
    const Batch batch = packer.next(&position);
    ASSERT_TRUE(check_batch(batch, 100000, "batch"));
    EXPECT_LE(batch.rows, 3);
    EXPECT_LE(batch.length, 24);
    for (size_t at = 0; at < batch.tokens.size(); ++at) {
      if (batch.targets[at] == kernels::kNoTarget) continue;
      EXPECT_EQ(batch.targets[at], batch.tokens[at] + 1);
      ++seen[batch.targets[at]];
    }
  }
  int64_t learned = 0;
  for (size_t document = 0; document < lengths_.size(); ++document)
    for (int32_t at = std::max(1, lengths_[document] / 4); at < lengths_[document]; ++at, ++learned)
      EXPECT_EQ(seen[static_cast<int32_t>(1000 * document) + at], 1) << document << " " << at;
  EXPECT_EQ(static_cast<int64_t>(seen.size()), learned);
  EXPECT_EQ(packer.targets(), learned);
}

TEST_F(PackerTest, ConversationsAreCutAtARowAndNeverGoOn) {
  Packer packer(&*store_, all(), {.length = 24, .rows = 3, .split = false, .seed = 4});
  DataPosition position;
  std::set<int32_t> begun;
  while (position.epoch == 0 && position.next < packer.documents()) {
    const Batch batch = packer.next(&position);
    ASSERT_TRUE(check_batch(batch, 100000, "batch"));
    for (size_t at = 0; at < batch.tokens.size(); ++at)
      if (batch.targets[at] != kernels::kNoTarget) {
        EXPECT_EQ(batch.tokens[at] % 1000, batch.positions[at]);  // counted from the document's beginning
        begun.insert(batch.tokens[at] / 1000);
      }
  }
  EXPECT_EQ(static_cast<int64_t>(begun.size()), packer.documents());
  EXPECT_EQ(packer.cut(), 4);         // 33, 70, 40 and 40 tokens
  EXPECT_EQ(packer.documents(), 10);  // one token teaches nothing, and of 120 the first 24 are not learned
}

TEST_F(PackerTest, GoesOnFromAnyPlaceAsIfItHadNeverStopped) {
  const PackWishes wishes = {.length = 24, .rows = 2, .split = true, .seed = 9};
  Packer packer(&*store_, all(), wishes);
  DataPosition position;
  std::set<std::vector<int32_t>> orders;
  for (int step = 0; step < 30; ++step) {
    DataPosition again = position;
    const Batch batch = packer.next(&position);
    EXPECT_EQ(Packer(&*store_, all(), wishes).next(&again).tokens, batch.tokens);
    EXPECT_EQ(again, position);
    orders.insert(batch.tokens);
  }
  EXPECT_GT(position.epoch, 1);
  EXPECT_GT(orders.size(), 20u);  // epochs have orders of their own
}

TEST_F(PackerTest, HeldOutDocumentsAreApartAndPairsStayTogether) {
  const Split split = split_documents(12, 2, 0.25, 3);
  EXPECT_EQ(split.held_out.size(), 4u);  // of six pairs, one and a half
  EXPECT_EQ(split.train.size(), 8u);
  std::set<int64_t> together(split.train.begin(), split.train.end());
  for (size_t index = 0; index < split.held_out.size(); index += 2) {
    EXPECT_EQ(split.held_out[index] % 2, 0);
    EXPECT_EQ(split.held_out[index] + 1, split.held_out[index + 1]);
    EXPECT_FALSE(together.contains(split.held_out[index]));
  }
  EXPECT_EQ(split_documents(1, 1, 0.5, 3).held_out.size(), 0u);
  EXPECT_EQ(split_documents(100, 1, 0.001, 3).held_out.size(), 1u);
}

TEST_F(PackerTest, DamagedAndOtherDataAreRefused) {
  EXPECT_EQ(TokenStore::open(folder_, "other", 100000).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(TokenStore::open(folder_, "test", 1000).error().message,
              testing::HasSubstr("expected tokens from 0 to 999"));
  {
    std::fstream file(folder_ / "tokens-00001.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-3, std::ios::end);
    file.put('\x7f');
  }
  const auto damaged = TokenStore::open(folder_, "test", 100000);
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, testing::HasSubstr("tokens-00001.safetensors: expected the SHA-256"));
}

}  // namespace
}  // namespace paddock::train
