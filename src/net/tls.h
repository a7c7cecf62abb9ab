// SPDX-License-Identifier: Apache-2.0
#pragma once
// Certificates and the rules of TLS: versions 1.2 and 1.3, forward secrecy and authenticated encryption alone, no
// renegotiation, no compression, ALPN http/1.1.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/request.h"

struct ssl_st;
struct ssl_ctx_st;

namespace paddock::net {

struct TlsOptions {
  std::string certificate_file;  // PEM: the server's certificate, then those between it and the root
  std::string key_file;          // PEM, without a passphrase
  std::string client_ca_file;    // PEM; empty: clients are not asked for certificates
  bool require_client_certificate = false;
};

struct CertificateInfo {
  std::string subject;     // RFC 2253
  int64_t not_before = 0;  // seconds since 1970
  int64_t not_after = 0;
  std::string warning;  // a sentence when the certificate is not valid now; it is used all the same
};

// Constant; shared by all connections that began under it.
class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>> load(const TlsOptions& options);
  const CertificateInfo& info() const { return info_; }

  // A new session of the server's side, owned by the caller; null when memory is out.
  ssl_st* new_session() const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
  CertificateInfo info_;
};

// Of a session whose handshake is over; nothing if the client sent no certificate.
std::optional<ClientCertificate> client_certificate_of(const ssl_st* session);

}  // namespace paddock::net
