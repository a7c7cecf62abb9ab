// SPDX-License-Identifier: Apache-2.0
#include "server/api/timestamps.h"

#include <fmt/core.h>

#include <algorithm>
#include <ctime>

namespace paddock::server {

std::string rfc3339(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string duration_text(int64_t milliseconds) {
  milliseconds = std::max<int64_t>(milliseconds, 0);
  if (milliseconds < 1000) return fmt::format("{}ms", milliseconds);
  const int64_t seconds = (milliseconds + 999) / 1000;
  std::string text;
  if (seconds >= 3600) text += fmt::format("{}h", seconds / 3600);
  if (seconds >= 60) text += fmt::format("{}m", seconds / 60 % 60);
  return text + fmt::format("{}s", seconds % 60);
}

}  // namespace paddock::server
