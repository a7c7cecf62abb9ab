// SPDX-License-Identifier: Apache-2.0
#include "net/router.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace paddock::net {
namespace {

bool is_capture(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }
bool takes_rest(std::string_view segment) { return is_capture(segment) && segment.ends_with("...}"); }

std::string_view capture_name(std::string_view segment) {
  const size_t behind = takes_rest(segment) ? 4 : 1;
  return segment.substr(1, segment.size() - 1 - std::min(behind, segment.size() - 1));
}

std::vector<std::string> split_pattern(std::string_view pattern) {
  std::vector<std::string> segments;
  for (size_t begin = 1; begin <= pattern.size();) {
    const size_t end = std::min(pattern.find('/', begin), pattern.size());
    segments.emplace_back(pattern.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

Result<void> check_pattern(std::string_view pattern, const std::vector<std::string>& segments) {
  for (size_t index = 0; index < segments.size(); ++index) {
    const std::string& segment = segments[index];
    const bool last = index + 1 == segments.size();
    const bool braces = segment.find_first_of("{}") != std::string::npos;
    if (braces && (!is_capture(segment) || !is_token(capture_name(segment)) || (takes_rest(segment) && !last)))
      return error(ErrorCode::kInvalidArgument,
                   "route {}: expected segments like name, {{name}}, and {{name...}} at the end, found \"{}\"", pattern,
                   segment);
    if (segment.empty() && !last)
      return error(ErrorCode::kInvalidArgument, "route {}: expected no empty segment but the last, found one", pattern);
  }
  return {};
}

std::string joined_from(const std::vector<std::string>& segments, size_t begin) {
  return fmt::format("{}", fmt::join(segments.begin() + static_cast<ptrdiff_t>(begin), segments.end(), "/"));
}

// Whether the path is one of the pattern's; fills in the values.
bool path_fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path, PathValues& values) {
  values.clear();
  for (size_t index = 0; index < pattern.size(); ++index) {
    if (index >= path.size()) return false;
    const std::string& segment = pattern[index];
    if (!is_capture(segment)) {
      if (segment != path[index]) return false;
      continue;
    }
    if (path[index].empty()) return false;
    const bool rest = takes_rest(segment);
    values.emplace_back(capture_name(segment), rest ? joined_from(path, index) : path[index]);
    if (rest) return true;
  }
  return pattern.size() == path.size();
}

// Of two patterns that fit a path, the one whose first difference is a literal, or else one segment and not the rest.
bool more_exact(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto vagueness = [](const std::string& segment) { return is_capture(segment) + takes_rest(segment); };
  for (size_t index = 0; index < std::min(a.size(), b.size()); ++index)
    if (vagueness(a[index]) != vagueness(b[index])) return vagueness(a[index]) < vagueness(b[index]);
  return false;
}

// The same paths, whatever their captures are called.
bool same_pattern(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const std::string& left, const std::string& right) {
    return left == right || (is_capture(left) && is_capture(right) && takes_rest(left) == takes_rest(right));
  });
}

}  // namespace

std::string RouteMatch::allow_header() const { return fmt::format("{}", fmt::join(allowed, ", ")); }

Result<void> Router::add(Route route) {
  if (!route.pattern.starts_with('/'))
    return error(ErrorCode::kInvalidArgument, "route {}: expected a pattern that begins with /", route.pattern);
  if (!is_token(route.method) || !route.handler || route.policy.empty())
    return error(ErrorCode::kInvalidArgument,
                 "route {} {}: expected a method, a policy and a handler, found one missing", route.method,
                 route.pattern);
  std::vector<std::string> segments = split_pattern(route.pattern);
  TRY_VOID(check_pattern(route.pattern, segments));
  for (size_t index = 0; index < routes_.size(); ++index)
    if (routes_[index].method == route.method && same_pattern(patterns_[index], segments))
      return error(ErrorCode::kInvalidArgument, "route {} {}: there is already {}", route.method, route.pattern,
                   routes_[index].pattern);
  routes_.push_back(std::move(route));
  patterns_.push_back(std::move(segments));
  return {};
}

RouteMatch Router::match(std::string_view method, const Target& target) const {
  RouteMatch best;
  size_t best_index = 0;
  PathValues values;
  for (size_t index = 0; index < routes_.size(); ++index) {
    if (!path_fits(patterns_[index], target.segments, values)) continue;
    const Route& route = routes_[index];
    best.allowed.push_back(route.method);
    if (route.method == "GET") best.allowed.emplace_back("HEAD");
    const bool own = route.method == method;
    if (!own && !(method == "HEAD" && route.method == "GET")) continue;
    // A path's own HEAD is better than its GET.
    const bool better = !best.route || more_exact(patterns_[index], patterns_[best_index]) ||
                        (own && best.route->method != method && !more_exact(patterns_[best_index], patterns_[index]));
    if (!better) continue;
    best.route = &route;
    best.values = values;
    best_index = index;
  }
  std::sort(best.allowed.begin(), best.allowed.end());
  best.allowed.erase(std::unique(best.allowed.begin(), best.allowed.end()), best.allowed.end());
  return best;
}

void dispatch(const Router& router, Request request, std::shared_ptr<Exchange> exchange,
              const std::function<Response(int status, const std::string& message)>& refuse) {
  RouteMatch match = router.match(request.method, request.target);
  if (match.route) {
    match.route->handler(std::move(request), std::move(match.values), std::move(exchange));
    return;
  }
  const bool unknown = match.status() == 404;
  Response response = refuse(match.status(), unknown ? fmt::format("{}: there is no such path", request.target.path)
                                                     : fmt::format("{}: expected {}, found {}", request.target.path,
                                                                   match.allow_header(), request.method));
  if (!unknown) response.headers.set("Allow", match.allow_header());
  exchange->respond(std::move(response));
}

}  // namespace paddock::net
