// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstring>
#include <ctime>

namespace paddock::net {
namespace {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using X509Pointer = std::unique_ptr<X509, Freed<X509_free>>;
using BioPointer = std::unique_ptr<BIO, Freed<BIO_free>>;

// The library's own words for the last failure, and an empty queue.
std::string library_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "no reason given";
}

std::string name_text(const X509_NAME* name) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return "";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

int64_t unix_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

CertificateInfo describe(const X509* certificate, const std::string& file) {
  CertificateInfo info;
  info.subject = name_text(X509_get_subject_name(certificate));
  info.not_before = unix_seconds(X509_get0_notBefore(certificate));
  info.not_after = unix_seconds(X509_get0_notAfter(certificate));
  const int64_t now = std::time(nullptr);
  if (now > info.not_after)
    info.warning = fmt::format("{}: the certificate of {} has expired; clients will refuse it until it is renewed",
                               file, info.subject);
  else if (now < info.not_before)
    info.warning =
        fmt::format("{}: the certificate of {} is not valid yet; look at this machine's clock", file, info.subject);
  return info;
}

// Passphrases would be asked for at a terminal that a service does not have.
int no_passphrase(char*, int, int, void*) { return 0; }

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* match = nullptr;
  if (SSL_select_next_proto(&match, size, kHttp11, sizeof(kHttp11) - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301: a client that speaks h2 alone is told so
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> set_rules(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") != 1)
    return error(ErrorCode::kUnsupported, "TLS: OpenSSL does not take the rules: {}", library_reason());
  // Sessions that are resumed must not cross from one set of rules about clients to another.
  constexpr unsigned char kName[] = "paddock";
  SSL_CTX_set_session_id_context(context, kName, sizeof(kName) - 1);
  return {};
}

Result<void> load_identity(SSL_CTX* context, const TlsOptions& options) {
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1)
    return error(ErrorCode::kBadFile, "{}: expected a certificate in PEM form, could not load it: {}",
                 options.certificate_file, library_reason());
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return error(ErrorCode::kBadFile,
                 "{}: expected the key of {} in PEM form without a passphrase, could not load it: {}", options.key_file,
                 options.certificate_file, library_reason());
  return {};
}

Result<void> load_client_authority(SSL_CTX* context, const TlsOptions& options) {
  if (options.client_ca_file.empty()) {
    if (options.require_client_certificate)
      return error(ErrorCode::kInvalidArgument,
                   "TLS: expected a file of authorities for the client certificates that are required, found none");
    return {};
  }
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca_file.c_str());
  if (!names || SSL_CTX_load_verify_locations(context, options.client_ca_file.c_str(), nullptr) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return error(ErrorCode::kBadFile, "{}: expected certificates of authorities in PEM form, could not load them: {}",
                 options.client_ca_file, library_reason());
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (options.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsOptions& options) {
  ERR_clear_error();
  auto loaded = std::make_shared<TlsContext>();
  loaded->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = loaded->context_.get();
  if (!context) return error(ErrorCode::kOutOfMemory, "TLS: OpenSSL gives no context: {}", library_reason());
  TRY_VOID(set_rules(context));
  TRY_VOID(load_identity(context, options));
  TRY_VOID(load_client_authority(context, options));
  loaded->info_ = describe(SSL_CTX_get0_certificate(context), options.certificate_file);
  return std::shared_ptr<const TlsContext>(std::move(loaded));
}

ssl_st* TlsContext::new_session() const { return SSL_new(context_.get()); }

std::optional<ClientCertificate> client_certificate_of(const ssl_st* session) {
  const X509Pointer certificate(SSL_get1_peer_certificate(session));
  if (!certificate || SSL_get_verify_result(session) != X509_V_OK) return std::nullopt;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate.get(), EVP_sha256(), digest, &size) != 1) return std::nullopt;
  ClientCertificate client;
  client.subject = name_text(X509_get_subject_name(certificate.get()));
  for (unsigned int index = 0; index < size; ++index) client.fingerprint += fmt::format("{:02x}", digest[index]);
  return client;
}

}  // namespace paddock::net
