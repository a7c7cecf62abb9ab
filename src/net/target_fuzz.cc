// SPDX-License-Identifier: Apache-2.0
// A target that is taken says the same when its pieces are encoded again, and fits at most one route's way of reading
// it.

#include <fmt/format.h>

#include "base/check.h"
#include "base/utf8.h"
#include "net/router.h"
#include "net/target.h"

namespace {

std::string encoded(std::string_view text) {
  std::string result;
  for (const char c : text) result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return result;
}

const paddock::net::Router& routes() {
  static const paddock::net::Router router = [] {
    paddock::net::Router filled;
    for (const char* pattern : {"/", "/a", "/a/{b}", "/a/{b}/c", "/a/{b...}", "/{x}/{y}"})
      CHECK(filled.add({"GET", pattern, "open", [](auto&&...) {}}));
    return filled;
  }();
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto target = paddock::net::parse_target(text);
  if (!target || text == "*") return 0;
  std::string again;
  for (const std::string& segment : target->segments) {
    CHECK(paddock::is_valid_utf8(segment));
    CHECK(segment != "." && segment != ".." && segment.find('\0') == std::string::npos);
    again += "/" + encoded(segment);
  }
  char separator = '?';
  for (const auto& [name, value] : target->query) {
    again += separator + encoded(name) + "=" + encoded(value);
    separator = '&';
  }
  const auto parsed_again = paddock::net::parse_target(again);
  CHECK(parsed_again);
  CHECK(parsed_again->segments == target->segments);
  CHECK(parsed_again->query == target->query);
  const paddock::net::RouteMatch match = routes().match("GET", *target);
  CHECK(match.route == routes().match("GET", *parsed_again).route);
  for (const auto& [name, value] : match.values) CHECK(!value.empty());
  return 0;
}
