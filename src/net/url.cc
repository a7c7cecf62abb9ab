// SPDX-License-Identifier: Apache-2.0
#include "net/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace paddock::net {
namespace {

constexpr size_t kLongestHost = 253, kLongestLabel = 63;  // RFC 1035

tl::unexpected<Error> wrong(const char* found) {
  return error(ErrorCode::kInvalidArgument,
               "expected an address as https://images.example.com/picture.png, found {}; correct it", found);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && std::ranges::all_of(label, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

// Programs take 0x7f.1, 017700000001 and 2130706433 for addresses: no name of the web ends in such a label.
bool is_number(std::string_view label) {
  if (label.starts_with("0x")) return true;
  return std::ranges::all_of(label, is_digit);
}

Result<void> check_name(std::string_view host) {
  if (host.size() > kLongestHost) return wrong("a name of a host that is too long");
  size_t begin = 0;
  while (true) {
    const size_t point = host.find('.', begin);
    const std::string_view label = host.substr(begin, point - begin);
    if (!is_label(label)) return wrong("a host that is no name of letters, digits, hyphens and points");
    if (point != std::string_view::npos) {
      begin = point + 1;
      continue;
    }
    if (is_number(label)) return wrong("a host that is a number but not an address as 203.0.113.7");
    return {};
  }
}

Result<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || stop != text.data() + text.size() || port == 0) return wrong("a port that is none");
  return port;
}

std::optional<bool> take_scheme(std::string_view& text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return {};
  std::string scheme(text.substr(0, colon));
  std::ranges::transform(scheme, scheme.begin(), lower);
  text.remove_prefix(colon + 3);
  if (scheme == "https") return true;
  if (scheme == "http") return false;
  return {};
}

}  // namespace

std::string Authority::host_text() const { return address && address->is_v6 ? "[" + host + "]" : host; }

Result<Authority> parse_authority(std::string_view text) {
  Authority authority;
  size_t end = std::min(text.find(':'), text.size());
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return wrong("a bracket that is not closed");
    authority.address = IpAddress::parse(text.substr(1, bracket - 1));
    if (!authority.address || !authority.address->is_v6) return wrong("brackets without an IPv6 address");
    end = bracket + 1;
  } else {
    authority.host = text.substr(0, end);
    std::ranges::transform(authority.host, authority.host.begin(), lower);
    authority.address = IpAddress::parse(authority.host);
    if (!authority.address) TRY_VOID(check_name(authority.host));
  }
  if (authority.address) authority.host = authority.address->text();
  if (end == text.size()) return authority;
  if (text[end] != ':') return wrong("something behind a bracket");
  authority.port = TRY(parse_port(text.substr(end + 1)));
  return authority;
}

std::string Url::text() const {
  return fmt::format("{}://{}:{}{}", is_secure ? "https" : "http", authority.host_text(), port(), target);
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kLongestUrl) return wrong("a longer one than 8192 bytes");
  // A backslash is a slash to some programs, and spaces end an address or do not.
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '\\'; }))
    return wrong("a character that has to be written with %");
  const std::optional<bool> is_secure = take_scheme(text);
  if (!is_secure) return wrong("one of neither http nor https");
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  const std::string_view authority = text.substr(0, end);
  if (authority.find('@') != std::string_view::npos) return wrong("a user's name in it");
  Url url{*is_secure, TRY(parse_authority(authority)), std::string(text.substr(end))};
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  return url;
}

}  // namespace paddock::net
