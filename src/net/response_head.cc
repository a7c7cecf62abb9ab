// SPDX-License-Identifier: Apache-2.0
#include "net/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace paddock::net {
namespace {

// Only for people: programs read the number.
std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
  }
}

bool is_ours(std::string_view name) {
  for (const std::string_view ours :
       {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Date", "Trailer", "Upgrade"})
    if (equal_ignoring_case(name, ours)) return true;
  return false;
}

void append_value(std::string& head, std::string_view value) {
  for (const char c : value) head += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
}

// Rendered once a second for each thread.
const std::string& date_now() {
  thread_local int64_t second = -1;
  thread_local std::string text;
  if (const int64_t now = std::time(nullptr); now != second) {
    second = now;
    text = http_date(now);
  }
  return text;
}

}  // namespace

bool is_bodiless(int status) { return status == 204 || status == 304; }

std::string http_date(int64_t seconds) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string render_head(int status, const Headers& headers, const Framing& framing) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason(status), date_now());
  for (const auto& [name, value] : headers) {
    if (!is_token(name) || is_ours(name)) continue;
    head += name;
    head += ": ";
    append_value(head, value);
    head += "\r\n";
  }
  if (framing.content_length) head += fmt::format("Content-Length: {}\r\n", *framing.content_length);
  if (framing.chunked) head += "Transfer-Encoding: chunked\r\n";
  if (framing.close) head += "Connection: close\r\n";
  return head + "\r\n";
}

}  // namespace paddock::net
