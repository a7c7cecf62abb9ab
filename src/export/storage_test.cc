// SPDX-License-Identifier: Apache-2.0
#include "export/storage.h"

#include <gtest/gtest.h>

namespace paddock::exporting {
namespace {

using tensor::DType;

TEST(Storage, NamesOfEitherCase) {
  EXPECT_EQ(storage_type("q4_k"), DType::kQ4_K);
  EXPECT_EQ(storage_type("BF16"), DType::kBF16);
  EXPECT_EQ(storage_type("iq2_xs"), std::nullopt);
  EXPECT_EQ(storage_type("i32"), std::nullopt);
  EXPECT_EQ(storage_type(""), std::nullopt);
}

TEST(Storage, WhatErrorsCostMostIsFiner) {
  EXPECT_EQ(type_for(DType::kQ4_K, Role::kOther), DType::kQ4_K);
  EXPECT_EQ(type_for(DType::kQ4_K, Role::kHead), DType::kQ6_K);
  EXPECT_EQ(type_for(DType::kQ4_K, Role::kAttentionValues), DType::kQ6_K);
  EXPECT_EQ(type_for(DType::kQ2_K, Role::kDown), DType::kQ3_K);
  EXPECT_EQ(type_for(DType::kQ8_0, Role::kHead), DType::kQ8_0);
  EXPECT_EQ(type_for(DType::kF16, Role::kRouter), DType::kF32);
  EXPECT_EQ(type_for(DType::kQ2_K, Role::kNorm), DType::kF32);
}

TEST(Storage, BlocksDivideRows) {
  EXPECT_EQ(fitting_type(DType::kQ4_K, 512), DType::kQ4_K);
  EXPECT_EQ(fitting_type(DType::kQ4_K, 576), DType::kQ5_0);
  EXPECT_EQ(fitting_type(DType::kQ5_K, 576), DType::kQ5_1);
  EXPECT_EQ(fitting_type(DType::kQ6_K, 576), DType::kQ8_0);
  EXPECT_EQ(fitting_type(DType::kQ2_K, 576), DType::kQ4_0);
  EXPECT_EQ(fitting_type(DType::kQ8_0, 48), DType::kF16);
  EXPECT_EQ(fitting_type(DType::kF32, 7), DType::kF32);
  EXPECT_EQ(fitting_type(DType::kBF16, 7), DType::kBF16);
}

}  // namespace
}  // namespace paddock::exporting
