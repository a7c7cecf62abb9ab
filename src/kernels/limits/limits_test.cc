// SPDX-License-Identifier: Apache-2.0
#include "kernels/limits/limits.h"

#include <gtest/gtest.h>

#include "kernels/cpu/features.h"
#include "kernels/limits/peak.h"

namespace paddock::kernels {
namespace {

TEST(Limits, AreMeasuredForWhatTheProcessorHas) {
  const auto limits = measure_limits(2);
  ASSERT_TRUE(limits) << limits.error().message;
  ASSERT_EQ(limits->read_gb_s.size(), 2u);
  for (const double speed : limits->read_gb_s) EXPECT_GT(speed, 0.01);
  EXPECT_GE(limits->best_read_gb_s(), limits->read_gb_s[0]);
  EXPECT_GT(limits->f32.gop_s, 0.1);
  const CpuFeatures& cpu = cpu_features();
  EXPECT_EQ(limits->int8.size(), static_cast<size_t>(cpu.avx2 + cpu.avx512 + cpu.amx_int8));
  EXPECT_EQ(limits->bf16.size(), static_cast<size_t>(cpu.amx_bf16));
  EXPECT_EQ(MachineLimits::best(limits->int8).has_value(), cpu.avx2);
}

TEST(Limits, RefuseSenselessThreads) {
  EXPECT_FALSE(measure_limits(0));
  EXPECT_FALSE(measure_limits(100000));
}

TEST(Limits, CountTheOperationsOfEachRound) {
  const CpuFeatures& cpu = cpu_features();
  if (!cpu.avx2) GTEST_SKIP() << "this processor has no AVX2";
  EXPECT_EQ(avx2::peak_f32(10), 10 * 12 * 8 * 2);
  EXPECT_EQ(avx2::peak_int8(10), 10 * 8 * 32 * 2);
  if (cpu.avx512) {
    EXPECT_EQ(avx512::peak_f32(10), 10 * 12 * 16 * 2);
  }
  if (cpu.avx512) {
    EXPECT_EQ(avx512::peak_int8(10), 10 * 12 * 64 * 2);
  }
  if (cpu.amx_int8) {
    EXPECT_EQ(amx::peak_int8(10), 10 * 4 * 16 * 16 * 64 * 2);
  }
  if (cpu.amx_bf16) {
    EXPECT_EQ(amx::peak_bf16(10), 10 * 4 * 16 * 16 * 32 * 2);
  }
}

}  // namespace
}  // namespace paddock::kernels
