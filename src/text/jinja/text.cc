// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/text.h"

#include <string.h>

#include <algorithm>
#include <utility>

namespace paddock::text::jinja {

Text::Text(std::string bytes, bool from_template) : bytes_(std::move(bytes)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), from_template});
}

void Text::append(std::string_view bytes, bool from_template) {
  if (bytes.empty()) return;
  bytes_.append(bytes);
  if (!runs_.empty() && runs_.back().from_template == from_template)
    runs_.back().end = bytes_.size();
  else
    runs_.push_back({bytes_.size(), from_template});
}

void Text::append(const Text& other, size_t begin, size_t end) {
  const std::string_view bytes = other.bytes_;
  for (auto run = other.run_at(begin); begin < end; ++run) {
    const size_t stop = std::min(run->end, end);
    append(bytes.substr(begin, stop - begin), run->from_template);
    begin = stop;
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text part;
  part.append(*this, begin, end);
  return part;
}

RenderedText Text::spans() const {
  RenderedText spans;
  size_t begin = 0;
  for (const Run& run : runs_) {
    spans.push_back({bytes_.substr(begin, run.end - begin), run.from_template});
    begin = run.end;
  }
  return spans;
}

std::vector<Text::Run>::const_iterator Text::run_at(size_t byte) const {
  return std::upper_bound(runs_.begin(), runs_.end(), byte,
                          [](size_t value, const Run& run) { return value < run.end; });
}

size_t find_first(std::string_view text, std::string_view part, size_t begin, size_t end) {
  if (begin > end || end - begin < part.size()) return std::string_view::npos;
  // std::string_view::find tries every place in full; glibc's memmem does not.
  const void* found = ::memmem(text.data() + begin, end - begin, part.data(), part.size());
  return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : std::string_view::npos;
}

size_t find_last(std::string_view text, std::string_view part, size_t begin, size_t end) {
  if (begin > end || end - begin < part.size()) return std::string_view::npos;
  const std::string_view window = text.substr(begin, end - begin);
  const std::string reversed(window.rbegin(), window.rend());
  const size_t found = find_first(reversed, std::string(part.rbegin(), part.rend()), 0, reversed.size());
  return found == std::string_view::npos ? found : end - found - part.size();
}

}  // namespace paddock::text::jinja
