// SPDX-License-Identifier: Apache-2.0
#include "server/service/gate.h"

#include <algorithm>
#include <array>

#include "base/base64.h"

namespace paddock::server {
namespace {

constexpr std::array kOwnHosts = {"localhost", "127.0.0.1", "[::1]"};

// "localhost:8080" without the port.
std::string_view host_name(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && net::equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// "Authorization: Bearer KEY", "x-api-key: KEY" (Anthropic), or Basic with the key as password, which browsers ask for.
std::optional<std::string> presented_key(const net::Request& request) {
  if (const auto key = request.headers.find("x-api-key")) return std::string(*key);
  const auto authorization = request.headers.find("authorization");
  if (!authorization) return {};
  if (starts_with_ignoring_case(*authorization, "bearer ")) return std::string(authorization->substr(7));
  if (!starts_with_ignoring_case(*authorization, "basic ")) return {};
  const auto decoded = decode_base64(authorization->substr(6));
  if (!decoded) return std::string();
  const size_t colon = decoded->find(':');
  return colon == std::string::npos ? *decoded : decoded->substr(colon + 1);
}

}  // namespace

std::optional<auth::Need> need_of(std::string_view policy) {
  if (policy == "open") return auth::Need::kNothing;
  if (policy == "any key") return auth::Need::kAnyKey;
  if (policy == "read-only") return auth::Need::kReadOnly;
  if (policy == "inference") return auth::Need::kInference;
  if (policy == "admin") return auth::Need::kAdmin;
  return {};
}

Dialect dialect_of_path(std::string_view path) {
  return path.starts_with("/v1/messages") ? Dialect::kAnthropic : Dialect::kOpenAi;
}

bool Gate::is_allowed_origin(const net::Request& request, std::string_view origin) const {
  const auto host = request.headers.find("host");
  for (const std::string_view scheme : {"http://", "https://"})
    if (host && origin.starts_with(scheme) && net::equal_ignoring_case(origin.substr(scheme.size()), *host))
      return true;
  return std::find(options_.origins.begin(), options_.origins.end(), origin) != options_.origins.end();
}

std::optional<ApiError> Gate::check_origin(const net::Request& request) const {
  const std::string_view host = host_name(request.headers.find("host").value_or(""));
  const auto is_host = [&](std::string_view one) { return net::equal_ignoring_case(host, one); };
  const bool own = request.peer.address == "unix" || std::any_of(kOwnHosts.begin(), kOwnHosts.end(), is_host);
  const bool named = std::any_of(options_.allowed_hosts.begin(), options_.allowed_hosts.end(), is_host);
  if ((options_.loopback_only || !options_.allowed_hosts.empty()) && !own && !named)
    return ApiError{ApiErrorKind::kPermission,
                    "Host: expected the name of this machine, or one given by --allowed-host, found \"" +
                        std::string(host) + "\"; a web page may be trying to reach a local server",
                    "",
                    "host_not_allowed",
                    {}};
  const auto origin = request.headers.find("origin");
  if (origin && !is_allowed_origin(request, *origin))
    return ApiError{
        ApiErrorKind::kPermission,
        "Origin: pages from \"" + std::string(*origin) + "\" may not use this server; --allowed-origin lets them",
        "",
        "origin_not_allowed",
        {}};
  if (!origin && request.headers.find("sec-fetch-site").value_or("") == "cross-site" && request.method != "GET")
    return ApiError{
        ApiErrorKind::kPermission, "a page of another site may not use this server", "", "origin_not_allowed", {}};
  return {};
}

void Gate::add_origin_fields(const net::Request& request, net::Headers* headers) const {
  const auto origin = request.headers.find("origin");
  if (!origin || !is_allowed_origin(request, *origin)) return;
  headers->set("access-control-allow-origin", std::string(*origin));
  headers->set("access-control-expose-headers", "*");  // x-request-id, retry-after, what is left of limits
  headers->set("vary", "origin");
}

bool Gate::needs_key() const { return !options_.loopback_only || (keys_ != nullptr && keys_->any_keys()); }

ApiResult<auth::Principal> Gate::admit(const net::Request& request, const net::Route& route) const {
  const auto need = need_of(route.policy);
  if (!need)
    return tl::unexpected(ApiError{ApiErrorKind::kServer, "the route has no policy that is known", "", "", {}});
  if (*need == auth::Need::kNothing || !needs_key()) return auth::Principal();
  if (keys_ == nullptr)
    return tl::unexpected(ApiError{ApiErrorKind::kAuthentication, "no keys are kept here", "", "", {}});
  const auto presented = presented_key(request);
  auto principal = keys_->authenticate(presented.value_or(""));
  if (!principal) {
    ApiError error = to_api_error(principal.error());
    if (!presented)
      error.message = "no API key was given: send it as \"Authorization: Bearer KEY\" or \"x-api-key: KEY\"";
    return tl::unexpected(std::move(error));
  }
  if (const auto allowed = auth::authorise(*principal, *need, route.pattern); !allowed)
    return tl::unexpected(to_api_error(allowed.error()));
  return *principal;
}

ApiError to_api_error(const auth::Refusal& refusal) {
  ApiErrorKind kind = ApiErrorKind::kServer;
  switch (refusal.status) {
    case 401: kind = ApiErrorKind::kAuthentication; break;
    case 403: kind = ApiErrorKind::kPermission; break;
    case 429: kind = refusal.reason == auth::Reason::kBudget ? ApiErrorKind::kQuota : ApiErrorKind::kRateLimit; break;
    case 503: kind = ApiErrorKind::kOverloaded; break;
    default: break;
  }
  ApiError error{kind, refusal.message, "", "", {}};
  if (refusal.retry_after_ms) error.retry_after_seconds = static_cast<int>((*refusal.retry_after_ms + 999) / 1000);
  return error;
}

}  // namespace paddock::server
