// SPDX-License-Identifier: Apache-2.0
#pragma once
// The door behind the handles, for machines whose memory is the host's.

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/result.h"
#include "kernels/contracts/memory.h"

namespace paddock::kernels {

struct HostMemory {
  static Address address_of(const void* pointer) { return Address(reinterpret_cast<uintptr_t>(pointer)); }
  static std::byte* bytes(Address address) { return reinterpret_cast<std::byte*>(address.value_); }
  static float* floats(Address address) { return reinterpret_cast<float*>(address.value_); }
  static int32_t* integers(Address address) { return reinterpret_cast<int32_t*>(address.value_); }
  static float* row(const Rows& rows, int64_t index) { return floats(rows.address) + index * rows.width; }

  // Zeroed pages that the operating system provides on first touch.
  static Result<Buffer> allocate(size_t bytes) {
    if (bytes == 0) return Buffer();
    void* pointer = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pointer == MAP_FAILED)
      return error(ErrorCode::kOutOfMemory, "cannot get {} bytes of memory: {}", bytes, std::strerror(errno));
    return Buffer(address_of(pointer), bytes, [pointer, bytes] { ::munmap(pointer, bytes); });
  }
};

}  // namespace paddock::kernels
