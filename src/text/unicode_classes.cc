// SPDX-License-Identifier: Apache-2.0
#include "text/unicode_classes.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/check.h"

namespace paddock::text {

const UnicodeClasses& UnicodeClasses::instance() {
  static const UnicodeClasses classes;
  return classes;
}

UnicodeClasses::UnicodeClasses() {
  using Page = std::array<CharClass, 256>;
  std::map<Page, uint8_t> known;
  Page before{};  // most pages equal the one before them
  const std::span<const UnicodeRange> ranges = unicode_ranges();
  size_t range = 0;
  for (size_t page_index = 0; page_index < kPages; ++page_index) {
    Page page;
    page.fill(kSymbol);
    const auto base = static_cast<char32_t>(page_index << 8);
    const char32_t page_last = base + 255;
    // A range may reach over several pages: stay on it until it ends inside this one.
    for (; range < ranges.size() && ranges[range].first <= page_last; ++range) {
      const char32_t first = std::max(ranges[range].first, base);
      const char32_t last = std::min(ranges[range].last, page_last);
      std::fill(page.begin() + (first - base), page.begin() + (last - base) + 1, ranges[range].char_class);
      if (ranges[range].last > page_last) break;
    }
    if (page_index > 0 && page == before) {
      page_of_[page_index] = page_of_[page_index - 1];
      continue;
    }
    before = page;
    CHECK(known.size() < kDistinctPages || known.contains(page));
    const auto [entry, is_new] = known.emplace(page, static_cast<uint8_t>(known.size()));
    if (is_new) std::copy(page.begin(), page.end(), pages_ + (size_t{entry->second} << 8));
    page_of_[page_index] = entry->second;
  }
}

}  // namespace paddock::text
