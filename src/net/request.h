// SPDX-License-Identifier: Apache-2.0
#pragma once
// A whole request, checked: what a handler sees.

#include <cstdint>
#include <optional>
#include <string>

#include "net/headers.h"
#include "net/target.h"

namespace paddock::net {

// A client's certificate that the configured authority has signed.
struct ClientCertificate {
  std::string subject;      // RFC 2253: "CN=alice,O=Example"
  std::string fingerprint;  // SHA-256 of the DER form, 64 hexadecimal digits
};

struct Peer {
  std::string address;  // "127.0.0.1", "::1"; "unix" for a local socket
  uint16_t port = 0;
  bool loopback = false;  // this machine: a loopback address or a local socket
  bool tls = false;
  std::optional<ClientCertificate> certificate;
};

struct Request {
  std::string id;  // unique among all of this process's requests, not guessable from another
  std::string method;
  Target target;
  Headers headers;  // values may hold bytes from 0x80 up that are no UTF-8; Host is there and once in HTTP/1.1
  std::string body;
  int version = 11;  // 10 or 11: HTTP/1.0 or 1.1
  Peer peer;
};

}  // namespace paddock::net
