// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who may come in: which pages may call this server, and which keys may take which route.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "net/router.h"
#include "server/api/api_error.h"
#include "server/auth/key_store.h"

namespace paddock::server {

struct GateOptions {
  bool loopback_only = true;         // every address that is listened to is this machine's own
  std::vector<std::string> origins;  // of web pages that may call, besides the server's own: "https://app.example"
  std::vector<std::string> allowed_hosts;  // names that the Host field may have, besides this machine's own
};

// What the policy of a route says, as it stands in the routing table.
std::optional<auth::Need> need_of(std::string_view policy);

// The dialect that a path belongs to: errors are told in it.
Dialect dialect_of_path(std::string_view path);

class Gate {
 public:
  // `keys` null: no keys are kept, and only this machine is served.
  Gate(GateOptions options, auth::KeyStore* keys) : options_(std::move(options)), keys_(keys) {}

  // Refuses what a web page of somebody else's could send: a Host that is not this server's (a name that was rebound to
  // 127.0.0.1), an Origin that was not allowed.
  std::optional<ApiError> check_origin(const net::Request& request) const;
  // The fields by which a browser lets an allowed page read the answer.
  void add_origin_fields(const net::Request& request, net::Headers* headers) const;

  // A key is needed as soon as there is one, or an address is not this machine's own.
  bool needs_key() const;
  // Who sent the request, if its key may take the route.
  ApiResult<auth::Principal> admit(const net::Request& request, const net::Route& route) const;

 private:
  bool is_allowed_origin(const net::Request& request, std::string_view origin) const;

  GateOptions options_;
  auth::KeyStore* keys_;
};

// A refusal of keys and limits as an error of the API; with the fields that clients read in `headers`.
ApiError to_api_error(const auth::Refusal& refusal);

}  // namespace paddock::server
