// SPDX-License-Identifier: Apache-2.0
#include "image/picture.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace paddock::image {

namespace {

// A wish that the system may ignore: a picture of 36 MB has nine thousand small pages, and each costs when it is first
// touched.
void ask_for_huge_pages(uint8_t* memory, size_t bytes) {
  constexpr uintptr_t kHugePage = 2 << 20;
  const auto first = (reinterpret_cast<uintptr_t>(memory) + kHugePage - 1) / kHugePage * kHugePage;
  const auto last = (reinterpret_cast<uintptr_t>(memory) + bytes) / kHugePage * kHugePage;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace

Result<std::vector<uint8_t>> allocate(int64_t count, uint8_t value) {
  try {
    std::vector<uint8_t> memory;
    memory.reserve(static_cast<size_t>(count));
    ask_for_huge_pages(memory.data(), memory.capacity());
    memory.resize(static_cast<size_t>(count), value);
    return memory;
  } catch (const std::bad_alloc&) {
    return error(ErrorCode::kOutOfMemory,
                 "expected {} bytes of memory for a picture, found less; send it smaller or free some memory", count);
  }
}

Result<Picture> blank_picture(Size size, uint8_t value) {
  return Picture{size.width, size.height, TRY(allocate(size.width * size.height * 3, value))};
}

}  // namespace paddock::image
