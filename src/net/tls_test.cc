// SPDX-License-Identifier: Apache-2.0
// TLS with certificates that are made here.

#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "net/test_client.h"
#include "net/test_identity.h"

namespace paddock::net {
namespace {

constexpr long kHour = 3600;

class TlsFiles {
 public:
  TlsFiles() : folder_(testing::TempDir() + "paddock_tls_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~TlsFiles() { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const Identity& identity, const std::string& name) const {
    write_identity(identity, path(name + ".pem"), path(name + ".key"));
  }
  TlsOptions options(const std::string& name) const { return {path(name + ".pem"), path(name + ".key"), "", false}; }

 private:
  std::filesystem::path folder_;
};

ServerOptions with_tls(TlsOptions tls) {
  ServerOptions options;
  options.tls = std::move(tls);
  return options;
}

// A client with TLS; what the server may and may not agree to is set before connect().
class TlsClient {
 public:
  TlsClient() : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    ::signal(SIGPIPE, SIG_IGN);                     // OpenSSL writes to sockets that the server has closed
    SSL_CTX_set_security_level(context_.get(), 0);  // for the old versions that the server has to refuse
  }

  SSL_CTX* context() { return context_.get(); }
  void identify(const Identity& identity) {
    SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
  }
  bool connect(const std::string& address) {
    client_.emplace(address);
    const timeval patience{10, 0};
    ::setsockopt(client_->descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    session_.reset(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(session_.get(), client_->descriptor());
    return SSL_connect(session_.get()) == 1;
  }
  SSL* session() { return session_.get(); }
  std::string server_name() {
    char name[100] = "";
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session_.get()), X509_free);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof(name));
    return name;
  }
  // Until the text has come, or nothing comes any more.
  std::string ask(std::string_view request, std::string_view until) {
    std::string answer;
    if (SSL_write(session_.get(), request.data(), static_cast<int>(request.size())) <= 0) return "";
    char buffer[4096];
    while (answer.find(until) == std::string::npos) {
      const int size = SSL_read(session_.get(), buffer, sizeof(buffer));
      if (size <= 0) break;
      answer.append(buffer, static_cast<size_t>(size));
    }
    return answer;
  }
  TestClient& raw() { return *client_; }

 private:
  std::shared_ptr<SSL_CTX> context_;
  std::optional<TestClient> client_;
  std::shared_ptr<SSL> session_;
};

TEST(Tls, Answers) {
  const TlsFiles files;
  files.write(make_identity("server"), "server");
  TestServer server(with_tls(files.options("server")));
  EXPECT_EQ(server->certificate()->subject, "CN=server,O=Paddock");
  EXPECT_EQ(server->certificate()->warning, "");
  TlsClient client;
  ASSERT_TRUE(client.connect(server.address()));
  EXPECT_EQ(client.server_name(), "server");
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(client.ask(get("/hello"), "hello").ends_with("hello"));
  const std::string large = client.ask(get("/zeros?size=1000000", "Connection: close\r\n"), "never");
  EXPECT_GT(large.size(), 1000000u);
  // The end is told, so that a client can tell it from a connection that was cut.
  char byte;
  EXPECT_EQ(SSL_get_error(client.session(), SSL_read(client.session(), &byte, 1)), SSL_ERROR_ZERO_RETURN);
  client.ask(post("/hold", "x"), "");
}

TEST(Tls, RequestsSayWhoSentThem) {
  const TlsFiles files;
  files.write(make_identity("server"), "server");
  TestServer server(with_tls(files.options("server")));
  TlsClient client;
  ASSERT_TRUE(client.connect(server.address()));
  std::thread asking([&] { client.ask(get("/hold"), "\r\n\r\n"); });
  const auto exchange = server.held();
  ASSERT_TRUE(exchange);
  EXPECT_TRUE(server.held_request().peer.tls);
  EXPECT_FALSE(server.held_request().peer.certificate);
  exchange->respond({});
  asking.join();
}

TEST(Tls, NoticesDisconnects) {
  const TlsFiles files;
  files.write(make_identity("server"), "server");
  TestServer server(with_tls(files.options("server")));
  for (const bool orderly : {true, false}) {
    TlsClient client;
    ASSERT_TRUE(client.connect(server.address()));
    const std::string request = get("/hold");
    SSL_write(client.session(), request.data(), static_cast<int>(request.size()));
    const auto exchange = server.held();
    ASSERT_TRUE(exchange);
    exchange->begin_stream(200, {});
    std::atomic<bool> gone{false};
    exchange->on_disconnect([&] { gone = true; });
    if (orderly) SSL_shutdown(client.session());
    client.raw().close();
    EXPECT_TRUE(becomes_true([&] { return gone.load(); }));
  }
}

TEST(Tls, KeepsToItsRules) {
  const TlsFiles files;
  files.write(make_identity("server"), "server");
  TestServer server(with_tls(files.options("server")));
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client;
    SSL_CTX_set_min_proto_version(client.context(), version);
    SSL_CTX_set_max_proto_version(client.context(), version);
    SSL_CTX_set_cipher_list(client.context(), "ALL:@SECLEVEL=0");
    EXPECT_EQ(client.connect(server.address()), version >= TLS1_2_VERSION) << version;
    if (version < TLS1_2_VERSION) continue;
    EXPECT_TRUE(client.ask(get("/hello"), "hello").ends_with("hello"));
    if (version == TLS1_2_VERSION) {
      // The server says no to another handshake.
      SSL_renegotiate(client.session());
      EXPECT_LE(SSL_do_handshake(client.session()), 0);
    }
  }
  for (const char* cipher : {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"}) {
    TlsClient client;
    SSL_CTX_set_max_proto_version(client.context(), TLS1_2_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client.context(), cipher), 1) << cipher;
    EXPECT_FALSE(client.connect(server.address())) << cipher;
  }
  EXPECT_TRUE(becomes_true([&] { return server->statistics().failed_handshakes >= 6; }));
}

TEST(Tls, AgreesOnHttp11Alone) {
  const TlsFiles files;
  files.write(make_identity("server"), "server");
  TestServer server(with_tls(files.options("server")));
  const auto offer = [](TlsClient& client, std::string_view protocols) {
    SSL_CTX_set_alpn_protos(client.context(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned int>(protocols.size()));
  };
  TlsClient both, other;
  offer(both, "\x02h2\x08http/1.1");
  ASSERT_TRUE(both.connect(server.address()));
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(both.session(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  offer(other, "\x02h2");
  EXPECT_FALSE(other.connect(server.address()));
}

TEST(Tls, KnowsClientsByTheirCertificates) {
  const TlsFiles files;
  const Identity authority = make_identity("authority"), stranger = make_identity("stranger");
  files.write(make_identity("server"), "server");
  files.write(authority, "authority");
  TlsOptions options = files.options("server");
  options.client_ca_file = files.path("authority.pem");
  for (const bool required : {false, true}) {
    options.require_client_certificate = required;
    TestServer server(with_tls(options));
    TlsClient known;
    known.identify(make_identity("alice", &authority));
    ASSERT_TRUE(known.connect(server.address()));
    std::thread asking([&] { known.ask(get("/hold"), "\r\n\r\n"); });
    const auto exchange = server.held();
    ASSERT_TRUE(exchange);
    const auto certificate = server.held_request().peer.certificate;
    ASSERT_TRUE(certificate);
    EXPECT_EQ(certificate->subject, "CN=alice,O=Paddock");
    EXPECT_EQ(certificate->fingerprint.size(), 64u);
    exchange->respond({});
    asking.join();
    // With TLS 1.3 a client learns that it was refused when it reads.
    TlsClient nameless, foreign, expired;
    foreign.identify(stranger);
    expired.identify(make_identity("late", &authority, -kHour));
    nameless.connect(server.address());
    EXPECT_EQ(nameless.ask(get("/hello"), "hello").ends_with("hello"), !required);
    for (TlsClient* refused : {&foreign, &expired}) {
      refused->connect(server.address());
      EXPECT_EQ(refused->ask(get("/hello"), "hello"), "");
    }
  }
  options.client_ca_file.clear();
  EXPECT_FALSE(TlsContext::load(options));
}

TEST(Tls, ReloadsCertificates) {
  const TlsFiles files;
  files.write(make_identity("first"), "server");
  TestServer server(with_tls(files.options("server")));
  TlsClient early;
  ASSERT_TRUE(early.connect(server.address()));
  files.write(make_identity("second"), "server");
  const auto reloaded = server->reload_certificates();
  ASSERT_TRUE(reloaded);
  EXPECT_EQ(reloaded->subject, "CN=second,O=Paddock");
  TlsClient late;
  ASSERT_TRUE(late.connect(server.address()));
  EXPECT_EQ(late.server_name(), "second");
  EXPECT_TRUE(early.ask(get("/hello"), "hello").ends_with("hello"));

  std::ofstream(files.path("server.pem")) << "no certificate\n";
  const auto broken = server->reload_certificates();
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("server.pem"), std::string::npos);
  TlsClient still;
  ASSERT_TRUE(still.connect(server.address()));
  EXPECT_EQ(still.server_name(), "second");
  EXPECT_FALSE(TestServer()->reload_certificates());
}

TEST(Tls, WarnsOfExpiredCertificates) {
  const TlsFiles files;
  files.write(make_identity("old", nullptr, -kHour), "old");
  files.write(make_identity("early", nullptr, kHour), "early");
  TestServer server(with_tls(files.options("old")));
  EXPECT_NE(server->certificate()->warning.find("has expired"), std::string::npos);
  TlsClient client;
  EXPECT_TRUE(client.connect(server.address()));
}

TEST(Tls, RefusesBadFiles) {
  const TlsFiles files;
  files.write(make_identity("a"), "a");
  files.write(make_identity("b"), "b");
  TlsOptions options = files.options("a");
  options.key_file = files.path("b.key");
  EXPECT_FALSE(TlsContext::load(options));  // another's key
  options.key_file = files.path("missing");
  EXPECT_FALSE(TlsContext::load(options));
  EXPECT_FALSE(TlsContext::load(files.options("missing")));
  EXPECT_FALSE(TlsContext::load({}));
  options = files.options("a");
  options.client_ca_file = files.path("a.key");
  EXPECT_FALSE(TlsContext::load(options));
  // A key with a passphrase is refused, not asked for at a terminal.
  const Identity locked = make_identity("c");
  files.write(locked, "c");
  FILE* file = std::fopen(files.path("c.key").c_str(), "w");
  PEM_write_PrivateKey(file, locked.key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr, const_cast<char*>("secret"));
  std::fclose(file);
  EXPECT_FALSE(TlsContext::load(files.options("c")));
  EXPECT_TRUE(TlsContext::load(files.options("a")));
}

TEST(Tls, CutsSlowAndSenselessHandshakes) {
  const TlsFiles files;
  files.write(make_identity("server"), "server");
  ServerOptions options = with_tls(files.options("server"));
  options.limits.header_time = milliseconds(300);
  TestServer server(options);
  TestClient silent = server.client(), plain = server.client();
  plain.send(get("/hello"));
  EXPECT_TRUE(plain.is_closed());
  EXPECT_EQ(plain.received().find("HTTP/1.1 2"), std::string::npos);
  EXPECT_TRUE(silent.is_closed());
  EXPECT_TRUE(becomes_true([&] { return server->statistics().connections == 0; }));
}

}  // namespace
}  // namespace paddock::net
