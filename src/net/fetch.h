// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files from the web on behalf of clients, who must not reach through it what they may not reach themselves.
//
// A host has to be on a list; every address of it has to be public; the connection goes to one of the addresses that
// were looked at, so that a name that means something else a moment later gains nothing. Redirections are held to the
// same rules, one by one. No proxy, no cookies, no credentials, nothing unpacked.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/allowed_host.h"
#include "net/ip_address.h"
#include "net/public_address.h"

namespace paddock::net {

// The addresses of a name. May take long.
using Resolver = std::function<Result<std::vector<IpAddress>>(const std::string& host)>;
Result<std::vector<IpAddress>> system_addresses(const std::string& host);

// What an address is that must not be asked; null where it may.
using AddressCheck = std::function<const char*(const IpAddress& address)>;

struct FetchRules {
  std::vector<AllowedHost> hosts;
  int redirects = 3;
  std::string ca_file;  // PEM, who may sign certificates; empty: whom the system trusts
};

struct FetchLimits {
  size_t bytes = 0;
  std::chrono::steady_clock::time_point until;
  std::function<bool()> is_wanted;  // asked about once a second; none: it is
};

// Thread-safe.
class Fetcher {
 public:
  explicit Fetcher(FetchRules rules, Resolver resolve = system_addresses, AddressCheck check = not_public);

  // The body of an answer with the status 200. Waits for it. Errors name the host: kNotAllowed where it names
  // nothing that may be asked, kLimit where the file is too large, kCancelled where nobody wants it any more, kIo
  // otherwise.
  Result<std::string> fetch(std::string_view url, const FetchLimits& limits) const;

 private:
  Result<std::vector<IpAddress>> addresses_of(const Url& url, const FetchLimits& limits) const;

  FetchRules rules_;
  Resolver resolve_;
  AddressCheck check_;
};

}  // namespace paddock::net
