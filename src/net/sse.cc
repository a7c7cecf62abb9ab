// SPDX-License-Identifier: Apache-2.0
#include "net/sse.h"

namespace paddock::net {

std::string encode_event(std::string_view name, std::string_view data) {
  std::string event;
  event.reserve(name.size() + data.size() + 24);
  if (!name.empty()) {
    event += "event: ";
    for (const char c : name)
      if (c != '\n' && c != '\r' && c != '\0') event += c;
    event += '\n';
  }
  while (true) {
    const size_t end = data.find_first_of("\r\n");
    event += "data: ";
    event += data.substr(0, end);
    event += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + (data.substr(end, 2) == "\r\n" ? 2 : 1));
  }
  event += '\n';
  return event;
}

Headers event_stream_headers() {
  return {
      {"Content-Type", "text/event-stream; charset=utf-8"}, {"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
}

bool send_event(Exchange& exchange, std::string_view name, std::string_view data) {
  return exchange.write(encode_event(name, data));
}

}  // namespace paddock::net
