// SPDX-License-Identifier: Apache-2.0
// Any bytes as the file of a page: what is read is what would be written. And a few bytes put into a good file at a
// place of their choosing: refused, unless they are those that were there.

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "cache/test_pages.h"

namespace {

using namespace paddock::cache;

bool is_read(std::span<const std::byte> file) {
  const auto head = parse_head(file, "input");
  if (!head) return false;
  const auto page = page_of(file, *head, "input");
  if (page) CHECK(std::ranges::equal(whole_file(*head, *page), file));
  return page.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  is_read(bytes);
  if (size < 2) return 0;
  static const std::vector<std::byte> good =
      whole_file({paddock::sha256("model"), paddock::sha256("before"), kGlobal, {1, 2, 3}, 100}, some_bytes(100, 1));
  constexpr size_t kMostChanged = 16;  // too few to write a digest for what else was changed
  std::vector<std::byte> changed = good;
  const size_t place = (data[0] * 256u + data[1]) % good.size();
  std::copy_n(bytes.begin() + 2, std::min({size - 2, kMostChanged, good.size() - place}),
              changed.begin() + static_cast<ptrdiff_t>(place));
  CHECK(is_read(changed) == (changed == good));
  return 0;
}
