// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace paddock::kernels {
namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t part = 0) {
  Registers found;
  if (__get_cpuid_count(leaf, part, &found.eax, &found.ebx, &found.ecx, &found.edx) == 0) return {};
  return found;
}

constexpr bool bit(uint32_t word, int index) { return (word >> index & 1u) != 0; }

// Which registers the operating system saves (XCR0).
uint64_t saved_state() {
  if (!bit(cpuid(1).ecx, 27)) return 0;  // OSXSAVE
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Linux lends tile registers to processes that ask.
bool request_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

CpuFeatures ask() {
  const Registers basic = cpuid(1), extended = cpuid(7), more = cpuid(7, 1);
  const uint64_t saved = saved_state();
  const bool saves_256 = (saved & 0x6) == 0x6, saves_512 = saves_256 && (saved & 0xE0) == 0xE0;
  const bool saves_tiles = (saved & 0x60000) == 0x60000;

  CpuFeatures found;
  found.avx2 = saves_256 && bit(extended.ebx, 5) && bit(basic.ecx, 12) && bit(basic.ecx, 29);
  found.avx_vnni = found.avx2 && bit(more.eax, 4);
  found.avx512 = found.avx2 && saves_512 && bit(extended.ebx, 16) && bit(extended.ebx, 17) && bit(extended.ebx, 30) &&
                 bit(extended.ebx, 31) && bit(extended.ecx, 11);
  found.avx512_bf16 = found.avx512 && bit(more.eax, 5);
  // The machine that uses tiles unpacks weights with AVX-512 VBMI and GFNI, which every processor with tiles has.
  if (found.avx512 && saves_tiles && bit(extended.ecx, 1) && bit(extended.ecx, 8) && bit(extended.edx, 24) &&
      request_tiles()) {
    found.amx_int8 = bit(extended.edx, 25);
    found.amx_bf16 = bit(extended.edx, 22);
  }
  return found;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = ask();
  return features;
}

std::string feature_names(const CpuFeatures& features) {
  std::string names;
  const auto add = [&](bool has, const char* name) {
    if (has) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  add(features.avx2, "AVX2");
  add(features.avx_vnni, "AVX VNNI");
  add(features.avx512, "AVX-512 VNNI");
  add(features.avx512_bf16, "AVX-512 bf16");
  add(features.amx_int8, "AMX int8");
  add(features.amx_bf16, "AMX bf16");
  return names.empty() ? "none beyond the baseline" : names;
}

std::string processor_name() {
  char brand[49] = {};
  for (uint32_t part = 0; part < 3; ++part) {
    const Registers text = cpuid(0x80000002 + part);
    std::memcpy(brand + 16 * part, &text, 16);
  }
  std::string name = brand;
  name.erase(0, name.find_first_not_of(' '));
  return name.empty() ? "unknown processor" : name;
}

}  // namespace paddock::kernels
