// SPDX-License-Identifier: Apache-2.0
#include "net/allowed_host.h"

#include <algorithm>

namespace paddock::net {

Result<AllowedHost> AllowedHost::parse(std::string_view text) {
  AllowedHost allowed;
  allowed.is_any_below_ = text.starts_with("*.");
  // Two colons are an IPv6 address without its brackets, which command lines take for a list's.
  const bool bare = std::ranges::count(text, ':') > 1 && !text.starts_with('[');
  const std::string whole = bare ? "[" + std::string(text) + "]" : std::string(text);
  auto authority = parse_authority(std::string_view(whole).substr(allowed.is_any_below_ ? 2 : 0));
  if (!authority || (allowed.is_any_below_ && authority->address))
    return error(ErrorCode::kInvalidArgument,
                 "expected a host as images.example.com, *.example.com or images.example.com:8443, found \"{}\"", text);
  allowed.authority_ = std::move(*authority);
  return allowed;
}

bool AllowedHost::allows(const Url& url) const {
  const std::string_view host = url.authority.host;
  if (url.port() != authority_.port.value_or(url.is_secure ? 443 : 80)) return false;
  if (!is_any_below_) return host == authority_.host;
  return host.size() > authority_.host.size() + 1 && host.ends_with(authority_.host) &&
         host[host.size() - authority_.host.size() - 1] == '.';
}

}  // namespace paddock::net
