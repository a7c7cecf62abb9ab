// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which route a request takes. The router decides nothing else: who may take a route is written as a policy beside it,
// a word that means something to the caller, so that all routes with their policies can be listed and checked.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/exchange.h"

namespace paddock::net {

// Decoded values of a pattern's {names}.
using PathValues = std::vector<std::pair<std::string, std::string>>;

struct Route {
  std::string method;
  std::string pattern;
  std::string policy;
  std::function<void(Request, PathValues, std::shared_ptr<Exchange>)> handler;
};

struct RouteMatch {
  const Route* route = nullptr;      // valid as long as the router
  PathValues values;                 // of the route's pattern
  std::vector<std::string> allowed;  // without a route: methods that this path knows; none of them: the path is unknown

  // 200, 404 or 405 (which must be sent with Allow).
  int status() const { return route ? 200 : allowed.empty() ? 404 : 405; }
  std::string allow_header() const;  // "GET, HEAD, POST"
};

// Filled before it is shared; from then on constant and used by any number of threads.
class Router {
 public:
  // A pattern is "/v1/responses/{id}": literal segments, and {name} for one segment that is not empty; a last {name...}
  // takes one segment or more, joined by slashes. Literal segments win over {name}. "/a" and "/a/" are two paths.
  // Errors: a pattern that is not of this form, a route without policy, one that there is already.
  Result<void> add(Route route);

  // HEAD takes the route of GET unless it has its own.
  RouteMatch match(std::string_view method, const Target& target) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> patterns_;  // segments of each route
};

// The whole way of a request where no policy stands between: the route's handler, or the 404 or 405 that `refuse` makes
// of a status and a sentence.
void dispatch(const Router& router, Request request, std::shared_ptr<Exchange> exchange,
              const std::function<Response(int status, const std::string& message)>& refuse);

}  // namespace paddock::net
