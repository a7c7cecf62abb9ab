// SPDX-License-Identifier: Apache-2.0
#pragma once
// Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html

#include <string>
#include <string_view>

#include "net/exchange.h"

namespace paddock::net {

// The bytes of one event. Every line of `data` (ended by \n, \r or \r\n) becomes a data line, so that data can begin no
// field and no event of its own; line ends and NUL in `name` are dropped. An empty name leaves the field out.
std::string encode_event(std::string_view name, std::string_view data);

// A line that clients ignore, to keep proxies from closing a silent stream.
inline constexpr std::string_view kEventComment = ":\n\n";

// Content-Type, and that nobody between stores or delays.
Headers event_stream_headers();

bool send_event(Exchange& exchange, std::string_view name, std::string_view data);

}  // namespace paddock::net
