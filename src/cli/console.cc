// SPDX-License-Identifier: Apache-2.0
#include "cli/console.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/utf8.h"

namespace paddock::cli {
namespace {

// All of it, or errno.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // somebody made the terminal non-blocking
      pollfd wait{descriptor, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// There is nowhere to report that standard error cannot be written.
void write_to_stderr(std::string_view text) { write_all(STDERR_FILENO, text); }

bool has_colour() {
  const char* kind = std::getenv("TERM");
  return stderr_is_terminal() && kind != nullptr && std::strcmp(kind, "dumb") != 0 &&
         std::getenv("NO_COLOR") == nullptr;
}

}  // namespace

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

Result<void> print(std::string_view text) {
  const int problem =
      stdout_is_terminal() ? write_all(STDOUT_FILENO, terminal_safe(text)) : write_all(STDOUT_FILENO, text);
  if (problem == 0) return {};
  if (problem == EPIPE) return already_told();
  return error(ErrorCode::kIo, "standard output: cannot write: {}", std::strerror(problem));
}

void note_line(std::string_view line) { write_to_stderr(terminal_safe(line) + "\n"); }

void note_aside(std::string_view line) {
  if (!has_colour()) return note_line(line);
  write_to_stderr("\033[2m" + terminal_safe(line) + "\033[0m\n");
}

std::string terminal_safe(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = decode_utf8(text);
    const char32_t code = character.code_point;
    const bool is_control = (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7F && code < 0xA0);
    if (is_control)
      append_utf8(safe, 0xFFFD);
    else
      safe += text.substr(0, character.length);
    text.remove_prefix(character.length);
  }
  return safe;
}

std::string grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t place = digits.size(); place > 3;) digits.insert(place -= 3, 1, ',');
  return digits;
}

void Progress::show(int64_t done, int64_t total) {
  show(fmt::format("{} of {} {} ({}%)", grouped(static_cast<uint64_t>(done)), grouped(static_cast<uint64_t>(total)),
                   unit_, total > 0 ? 100 * done / total : 100));
}

void Progress::show(std::string_view state) {
  if (watch_.seconds() < next_ || !stderr_is_terminal()) return;
  next_ = watch_.seconds() + 0.2;
  write_to_stderr(fmt::format("\r\033[K{}: {}", terminal_safe(what_), terminal_safe(state)));
  is_shown_ = true;
}

void Progress::clear() {
  if (is_shown_) write_to_stderr("\r\033[K");
  is_shown_ = false;
}

}  // namespace paddock::cli
