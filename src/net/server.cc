// SPDX-License-Identifier: Apache-2.0
#include "net/server.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>

#include "net/answer.h"
#include "net/connection_count.h"
#include "net/listening_socket.h"
#include "net/site.h"
#include "net/worker.h"

namespace paddock::net {
namespace {

// Clients that are accepted in one go before others of the thread have their turn.
constexpr int kAcceptedAtOnce = 64;
// Until descriptors may be free again.
constexpr std::chrono::milliseconds kAcceptPause{100};
// Descriptors that the rest of the program may need besides connections.
constexpr rlim_t kOtherDescriptors = 256;

void raise_descriptor_limit(int connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(static_cast<rlim_t>(connections) + kOtherDescriptors, limit.rlim_max);
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, ServerCallbacks callbacks)
      : options_(std::move(options)),
        site_(options_.limits, std::move(callbacks)),
        count_(options_.limits.connections, options_.limits.connections_per_address) {}
  ~Impl() { stop(std::chrono::milliseconds(0)); }

  Result<void> start() {
    if (options_.listen.empty())
      return error(ErrorCode::kInvalidArgument, "server: expected an address to listen on, found none");
    if (options_.tls) TRY_VOID(reload());
    for (const std::string& address : options_.listen) {
      listening_.push_back(TRY(ListeningSocket::open(address)));
      addresses_.push_back(listening_.back().name());
    }
    raise_descriptor_limit(options_.limits.connections);
    for (int index = 0; index < std::max(options_.threads, 1); ++index)
      workers_.push_back(std::make_unique<Worker>(site_));
    for (const ListeningSocket& socket : listening_)
      workers_[0]->watch(socket, [this, &socket] { return accept_from(socket); });
    return {};
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

  std::shared_ptr<const TlsContext> tls() const {
    const std::lock_guard lock(tls_mutex_);
    return tls_;
  }

  Result<CertificateInfo> reload() {
    if (!options_.tls) return error(ErrorCode::kInvalidArgument, "server: expected TLS to be configured, found none");
    std::shared_ptr<const TlsContext> loaded = TRY(TlsContext::load(*options_.tls));
    const CertificateInfo info = loaded->info();
    const std::lock_guard lock(tls_mutex_);
    tls_.swap(loaded);
    return info;
  }

  void stop(std::chrono::milliseconds grace) {
    if (workers_.empty()) return;
    workers_[0]->stop_watching();
    listening_.clear();
    for (const auto& worker : workers_) worker->drain();
    count_.wait_for_none(grace);
    for (const auto& worker : workers_) worker->close_all();
    for (const auto& worker : workers_) worker->join();
    workers_.clear();
  }

  Site& site() { return site_; }

 private:
  // On the first worker's thread. Returns how long to wait before the next client.
  std::chrono::milliseconds accept_from(const ListeningSocket& socket) {
    for (int accepted = 0; accepted < kAcceptedAtOnce; ++accepted) {
      AcceptedSocket client;
      const Accept outcome = accept_client(socket, client);
      if (outcome == Accept::kOutOfDescriptors) return kAcceptPause;
      if (outcome == Accept::kNone) break;
      ++site_.counters().accepted;
      admit(std::move(client), socket.is_local() ? nullptr : tls());
    }
    return std::chrono::milliseconds(0);
  }

  void admit(AcceptedSocket client, std::shared_ptr<const TlsContext> tls) {
    if (const char* why_not = count_.add(client.counted_as)) {
      ++site_.counters().over_limit;
      if (!tls) turn_away(client, why_not);
      ::close(client.descriptor);
      return;
    }
    Worker& worker = *workers_[next_worker_++ % workers_.size()];
    worker.serve(client, std::move(tls), [this, address = client.counted_as] { count_.remove(address); });
  }

  // An answer as far as it fits into the new socket's buffer.
  void turn_away(const AcceptedSocket& client, const char* why_not) {
    AnswerForm form;
    form.keep_alive = false;
    Answer answer(form, [] {});
    answer.respond(site_.refusal({503, why_not}, client.peer));
    const std::string bytes = answer.take();
    [[maybe_unused]] const ssize_t sent =
        ::send(client.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(client.descriptor, SHUT_WR);
  }

  const ServerOptions options_;
  Site site_;
  ConnectionCount count_;
  mutable std::mutex tls_mutex_;
  std::shared_ptr<const TlsContext> tls_;
  std::vector<ListeningSocket> listening_;
  std::vector<std::string> addresses_;
  size_t next_worker_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, ServerCallbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(callbacks));
  TRY_VOID(impl->start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<std::string>& Server::addresses() const { return impl_->addresses(); }

std::optional<CertificateInfo> Server::certificate() const {
  const auto tls = impl_->tls();
  return tls ? std::optional(tls->info()) : std::nullopt;
}

Result<CertificateInfo> Server::reload_certificates() { return impl_->reload(); }

void Server::stop(std::chrono::milliseconds grace) { impl_->stop(grace); }

ServerStatistics Server::statistics() const {
  const Counters& now = impl_->site().counters();
  return {.connections = now.connections,
          .exchanges = now.exchanges,
          .accepted = now.accepted,
          .over_limit = now.over_limit,
          .requests = now.requests,
          .refused = now.refused,
          .timed_out = now.timed_out,
          .failed_handshakes = now.failed_handshakes,
          .body_bytes = now.body_bytes};
}

}  // namespace paddock::net
