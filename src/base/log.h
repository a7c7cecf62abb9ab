// SPDX-License-Identifier: Apache-2.0
#pragma once
// What happened, for the person who operates the process. Silent until a program installs a destination: only cli/
// does, so that the library never prints by itself.

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace paddock {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Sends every message of at least `level` to standard error. Thread-safe, like all functions here.
void log_to_stderr(LogLevel level);

bool log_enabled(LogLevel level);
void log_message(LogLevel level, std::string_view message);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kDebug)) log_message(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kInfo)) log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kWarning))
    log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace paddock
