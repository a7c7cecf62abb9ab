// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lines that a person types, with editing and history, or that come through a pipe.

#include <filesystem>
#include <memory>
#include <string>

namespace paddock::cli {

struct Line {
  enum class Kind {
    kText,
    kCleared,  // Ctrl-C: the person starts over
    kEnd,      // Ctrl-D on an empty line, or the end of the input
  };
  Kind kind = Kind::kEnd;
  std::string text;  // valid UTF-8 without its newline
};

class LineReader {
 public:
  virtual ~LineReader() = default;

  // `prompt` is shown to people only.
  virtual Line read(const std::string& prompt) = 0;
};

// Where standard input is a terminal: an editor whose history outlives the program in `history_file` (empty: it does
// not). Otherwise plain lines.
std::unique_ptr<LineReader> make_line_reader(const std::filesystem::path& history_file);

}  // namespace paddock::cli
