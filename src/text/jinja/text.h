// SPDX-License-Identifier: Apache-2.0
#pragma once
// A string that knows, byte for byte, which part of it a template wrote and which part came from messages.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "text/rendered.h"

namespace paddock::text::jinja {

class Text {
 public:
  Text() = default;
  Text(std::string bytes, bool from_template);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  void append(std::string_view bytes, bool from_template);
  void append(const Text& other) { append(other, 0, other.size()); }
  void append(const Text& other, size_t begin, size_t end);  // the bytes [begin, end) of `other`

  Text slice(size_t begin, size_t end) const;
  bool from_template_at(size_t byte) const { return run_at(byte)->from_template; }  // byte < size()
  RenderedText spans() const;                                                       // neighbours differ

 private:
  struct Run {
    size_t end;  // where the next run begins
    bool from_template;
  };
  std::vector<Run>::const_iterator run_at(size_t byte) const;

  std::string bytes_;
  std::vector<Run> runs_;  // none empty, neighbours differ, the last ends at bytes_.size()
};

// The first and the last place of `part` in bytes [begin, end) of `text`, or npos: in time linear in both, whatever
// they hold.
size_t find_first(std::string_view text, std::string_view part, size_t begin, size_t end);
size_t find_last(std::string_view text, std::string_view part, size_t begin, size_t end);

}  // namespace paddock::text::jinja
