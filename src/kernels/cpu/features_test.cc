// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/features.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace paddock::kernels {
namespace {

// The kernel's own list of what programs may use.
std::set<std::string> system_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> flags;
    for (std::string word; words >> word;) flags.insert(word);
    return flags;
  }
  return {};
}

TEST(CpuFeatures, AreThoseTheSystemNames) {
  const std::set<std::string> flags = system_flags();
  if (flags.empty()) GTEST_SKIP() << "/proc/cpuinfo names no flags here";
  const auto has_all = [&](std::initializer_list<const char*> wanted) {
    for (const char* flag : wanted)
      if (!flags.contains(flag)) return false;
    return true;
  };
  const CpuFeatures& found = cpu_features();
  EXPECT_EQ(found.avx2, has_all({"avx2", "fma", "f16c"}));
  EXPECT_EQ(found.avx512, has_all({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}));
  // Kernels older than the processor may not know these names; what they name must be found.
  if (flags.contains("avx_vnni")) {
    EXPECT_TRUE(found.avx_vnni);
  }
  if (flags.contains("avx512_bf16")) {
    EXPECT_TRUE(found.avx512_bf16);
  }
  // Tiles may be there and not be granted.
  if (found.amx_int8) {
    EXPECT_TRUE(has_all({"amx_tile", "amx_int8"}));
  }
  if (found.amx_bf16) {
    EXPECT_TRUE(has_all({"amx_tile", "amx_bf16"}));
  }
}

TEST(CpuFeatures, HaveNames) {
  EXPECT_EQ(feature_names({}), "none beyond the baseline");
  EXPECT_EQ(feature_names({.avx2 = true, .amx_int8 = true}), "AVX2, AMX int8");
  EXPECT_FALSE(processor_name().empty());
}

}  // namespace
}  // namespace paddock::kernels
