// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bytes in front of an answer's body.

#include <optional>
#include <string>

#include "net/headers.h"

namespace paddock::net {

// What the server says about the body and the connection; a handler's fields of these names are left out.
struct Framing {
  std::optional<size_t> content_length;
  bool chunked = false;
  bool close = false;
};

// Header values are cleaned, not trusted: control characters become spaces, a field whose name is no token is left out.
std::string render_head(int status, const Headers& headers, const Framing& framing);

// Whether an answer of this status never has a body (RFC 9110 section 6.4.1).
bool is_bodiless(int status);

// "Thu, 01 Jan 1970 00:00:00 GMT" from seconds since then.
std::string http_date(int64_t seconds);

}  // namespace paddock::net
