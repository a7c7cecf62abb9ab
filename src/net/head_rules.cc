// SPDX-License-Identifier: Apache-2.0
#include "net/head_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "net/headers.h"

namespace paddock::net {
namespace {

Refusal bad(std::string message) { return Refusal{400, std::move(message)}; }

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

bool is_host_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-._~%!$&'()*+,;=:[]").find(c) != std::string_view::npos;
}

// Whether a comma-separated value holds the word.
bool lists(std::string_view value, std::string_view word) {
  while (true) {
    const size_t comma = value.find(',');
    if (equal_ignoring_case(trimmed(value.substr(0, comma)), word)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace

bool has_control(std::string_view line) { return std::any_of(line.begin(), line.end(), is_control); }

bool is_field(std::string_view line) {
  const size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon));
}

std::optional<Refusal> HeadRules::line(std::string_view line) {
  // Also a CR that no LF follows (RFC 9112 section 2.2) and NUL.
  if (has_control(line)) return bad("header: expected no control characters, found one");
  if (lines_++ == 0) return request_line(line);
  if (line.empty()) return finish();
  if (lines_ - 1 > max_fields_)
    return Refusal{431, fmt::format("header: expected at most {} fields, found more", max_fields_)};
  return field(line);
}

// "POST /v1/models HTTP/1.1". The target's own form is parse_target's affair.
HeadRules::Refused HeadRules::request_line(std::string_view line) {
  const size_t space = line.find(' '), last = line.rfind(' ');
  if (space == std::string_view::npos || space == last || line.find(' ', space + 1) != last)
    return bad(
        "request line: expected a method, a target and HTTP/1.1 with single spaces between, found something else");
  const std::string_view method = line.substr(0, space), version = line.substr(last + 1);
  if (!is_token(method) || std::any_of(method.begin(), method.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
    return bad("request line: expected a method in capital letters, found something else");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return bad("request line: expected HTTP/1.1, found another version");
  version_1_0_ = version == "HTTP/1.0";
  return std::nullopt;
}

HeadRules::Refused HeadRules::field(std::string_view line) {
  if (line[0] == ' ' || line[0] == '\t') return bad("header: expected no continued lines, found one");
  if (!is_field(line)) return bad("header: expected a name and a colon directly behind it, found something else");
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  if (equal_ignoring_case(name, "Host")) return host(value);
  if (equal_ignoring_case(name, "Content-Length")) return content_length(value);
  if (equal_ignoring_case(name, "Transfer-Encoding")) return transfer_encoding(value);
  if (equal_ignoring_case(name, "Expect")) return expect(value);
  if (equal_ignoring_case(name, "Connection") && lists(value, "close")) closes_ = true;
  return std::nullopt;
}

HeadRules::Refused HeadRules::host(std::string_view value) {
  if (++hosts_ > 1) return bad("header: expected one Host, found several");
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_host_character))
    return bad("Host: expected a name or address and perhaps a port, found something else");
  return std::nullopt;
}

HeadRules::Refused HeadRules::content_length(std::string_view value) {
  if (++lengths_ > 1) return bad("header: expected one Content-Length, found several");
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), facts_.content_length);
  if (value.empty() || parsed.ec != std::errc() || parsed.ptr != value.data() + value.size())
    return bad("Content-Length: expected a decimal number of bytes, found something else");
  return std::nullopt;
}

HeadRules::Refused HeadRules::transfer_encoding(std::string_view value) {
  if (facts_.chunked) return bad("header: expected one Transfer-Encoding, found several");
  if (!equal_ignoring_case(value, "chunked"))
    return bad("Transfer-Encoding: expected chunked alone, found something else");
  facts_.chunked = true;
  return std::nullopt;
}

HeadRules::Refused HeadRules::expect(std::string_view value) {
  if (!equal_ignoring_case(value, "100-continue")) return Refusal{417, "Expect: only 100-continue is understood"};
  facts_.expects_continue = true;
  return std::nullopt;
}

HeadRules::Refused HeadRules::finish() {
  finished_ = true;
  if (facts_.chunked && lengths_ > 0) return bad("header: expected Content-Length or Transfer-Encoding, found both");
  if (facts_.chunked && version_1_0_) return bad("header: Transfer-Encoding is unknown to HTTP/1.0");
  if (hosts_ == 0 && !version_1_0_) return bad("header: expected Host, found none");
  facts_.keep_alive = !version_1_0_ && !closes_;
  if (version_1_0_) facts_.expects_continue = false;
  return std::nullopt;
}

}  // namespace paddock::net
