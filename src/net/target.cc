// SPDX-License-Identifier: Apache-2.0
#include "net/target.h"

#include <algorithm>

#include "base/utf8.h"

namespace paddock::net {
namespace {

// A bound on what one request can make the routes and handlers look at.
constexpr size_t kMaxSegments = 64, kMaxParameters = 256;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unprintable(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Characters of RFC 3986 and those that browsers leave as they are; neither '#' (never sent), nor '\' (a slash to
// some).
bool may_stand_in_target(char c) {
  return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f && c != '#' && c != '\\';
}

Result<std::string> decode_piece(std::string_view text, std::string_view what, bool plus_is_space) {
  std::optional<std::string> decoded = percent_decode(text, plus_is_space);
  if (!decoded)
    return error(ErrorCode::kInvalidArgument,
                 "{}: expected two hexadecimal digits behind each %, found something else; write % as %25", what);
  if (!is_valid_utf8(*decoded))
    return error(ErrorCode::kInvalidArgument, "{}: expected UTF-8 when decoded, found other bytes", what);
  return std::move(*decoded);
}

// What stands for a folder or the one above it.
bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

Result<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(1);
  while (true) {
    if (segments.size() == kMaxSegments)
      return error(ErrorCode::kLimit, "path: expected at most {} segments, found more", kMaxSegments);
    const size_t slash = path.find('/');
    std::string segment = TRY(decode_piece(path.substr(0, slash), "path", false));
    if (is_dots(segment))
      return error(ErrorCode::kInvalidArgument, "path: expected names, found \"{}\"; send the path it stands for",
                   segment);
    if (std::any_of(segment.begin(), segment.end(), is_unprintable))
      return error(ErrorCode::kInvalidArgument, "path: expected no control characters, found one encoded");
    segments.push_back(std::move(segment));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

Result<std::vector<std::pair<std::string, std::string>>> split_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (parameter.empty()) continue;
    if (parameters.size() == kMaxParameters)
      return error(ErrorCode::kLimit, "query: expected at most {} parameters, found more", kMaxParameters);
    const size_t equals = std::min(parameter.find('='), parameter.size());
    std::string name = TRY(decode_piece(parameter.substr(0, equals), "query", true));
    std::string value = TRY(decode_piece(parameter.substr(std::min(equals + 1, parameter.size())), "query", true));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[at] != '%') {
      decoded += text[at];
    } else {
      const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
      const int low = at + 2 < text.size() ? hex_digit(text[at + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      at += 2;
    }
  }
  return decoded;
}

std::optional<std::string_view> Target::find(std::string_view name) const {
  for (const auto& [parameter, value] : query)
    if (parameter == name) return value;
  return std::nullopt;
}

Result<Target> parse_target(std::string_view text) {
  Target target;
  if (text == "*") {
    target.path = "*";
    target.segments = {"*"};
    return target;
  }
  if (text.empty() || text[0] != '/')
    return error(
        ErrorCode::kInvalidArgument,
        "request target: expected a path that begins with /, found something else; send the path alone and the "
        "server's name in Host");
  if (!std::all_of(text.begin(), text.end(), may_stand_in_target))
    return error(
        ErrorCode::kInvalidArgument,
        "request target: expected printable ASCII without # and backslash, found another character; encode it as "
        "%XX");
  const size_t question = std::min(text.find('?'), text.size());
  target.path = text.substr(0, question);
  target.segments = TRY(split_path(target.path));
  target.query = TRY(split_query(text.substr(std::min(question + 1, text.size()))));
  return target;
}

}  // namespace paddock::net
