// SPDX-License-Identifier: Apache-2.0
#pragma once
// A host that may be asked, as whoever runs the server names it.

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/url.h"

namespace paddock::net {

class AllowedHost {
 public:
  // images.example.com, or *.example.com for all names below that one; each may end in :PORT. Without, the ports of
  // http and https. An IPv6 address stands in brackets or, without a port, alone.
  static Result<AllowedHost> parse(std::string_view text);

  bool allows(const Url& url) const;

 private:
  bool is_any_below_ = false;
  Authority authority_;
};

}  // namespace paddock::net
