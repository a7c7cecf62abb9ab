// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two streams of a program: results on standard output, everything else on standard error.

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace paddock::cli {

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();

// Writes to standard output at once. A reader that has gone away is kCancelled without a sentence: nobody is left to
// read one.
Result<void> print(std::string_view text);

// Ends a command with status 1 where everything has been said.
inline tl::unexpected<Error> already_told() { return tl::unexpected(Error{ErrorCode::kCancelled, ""}); }

// A line for the user on standard error, without its newline.
void note_line(std::string_view line);
template <typename... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
  note_line(fmt::format(format, std::forward<Args>(args)...));
}
// The same in a weaker colour where the terminal has any: figures that may be overlooked.
void note_aside(std::string_view line);

// Without the control characters by which text from a model or a file could command the terminal; tabs and newlines
// stay.
std::string terminal_safe(std::string_view text);

// 1234567 as "1,234,567".
std::string grouped(uint64_t number);

// The state of something long on the last line of a terminal; shows nothing anywhere else, and nothing in its first
// second; a few times a second, however often it is called. The line goes when the object goes.
class Progress {
 public:
  explicit Progress(std::string what, std::string unit = "tokens") : what_(std::move(what)), unit_(std::move(unit)) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(int64_t done, int64_t total);
  void show(std::string_view state);  // in words
  void clear();

 private:
  std::string what_, unit_;
  Stopwatch watch_;
  double next_ = 1;  // seconds
  bool is_shown_ = false;
};

}  // namespace paddock::cli
