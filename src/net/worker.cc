// SPDX-License-Identifier: Apache-2.0
#include "net/worker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <future>
#include <list>
#include <thread>
#include <unordered_map>

#include "base/log.h"
#include "net/asio_transport.h"
#include "net/connection.h"

namespace paddock::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// How finely limits of time are kept. One timer for all connections costs less than one for each, which every request
// would have to set anew.
constexpr std::chrono::milliseconds kTick{50};

}  // namespace

class Worker::Impl {
 public:
  Impl(Site& site, Loop& loop) : site_(site), loop_(loop), timer_(context_), guard_(context_.get_executor()) {
    thread_ = std::thread([this] { run(); });
  }

  asio::io_context& context() { return context_; }

  void add(AcceptedSocket client, std::shared_ptr<const TlsContext> tls, std::function<void()> closed) {
    Socket socket(context_);
    error_code ec;
    socket.assign({client.family, client.family == AF_UNIX ? 0 : IPPROTO_TCP}, client.descriptor, ec);
    if (ec || closing_) {
      if (ec) ::close(client.descriptor);
      return closed();
    }
    if (const int bytes = site_.limits().send_buffer_bytes)
      socket.set_option(asio::socket_base::send_buffer_size(bytes), ec);
    client.peer.tls = tls != nullptr;
    auto transport = tls ? tls_transport(std::move(socket), std::move(tls)) : plain_transport(std::move(socket));
    if (!transport) return closed();
    auto connection = std::make_shared<Connection>(site_, loop_, std::move(transport), std::move(client.peer),
                                                   [this, closed = std::move(closed)](Connection& which) {
                                                     connections_.erase(&which);
                                                     closed();
                                                   });
    connections_.emplace(connection.get(), connection);
    connection->start();
    if (!ticking_) tick();
  }

  void watch(int descriptor, std::function<std::chrono::milliseconds()> ready) {
    watches_.emplace_back(context_, descriptor, std::move(ready));
    await(watches_.back());
  }

  void stop_watching() {
    for (Watch& watch : watches_) {
      watch.descriptor.release();  // the listening socket owns it
      watch.pause.cancel();
      watch.ready = nullptr;
    }
  }

  // Connections may go while they are called.
  void for_each(const std::function<void(Connection&)>& call) {
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) all.push_back(connection);
    for (const auto& connection : all) call(*connection);
  }

  void close_all() {
    closing_ = true;
    for_each([](Connection& connection) { connection.close(); });
    timer_.cancel();
    guard_.reset();
  }

  void join() {
    if (thread_.joinable()) thread_.join();
  }

  // Runs `work` on the thread and waits for it.
  void run_there(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(context_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

 private:
  // A listening socket.
  struct Watch {
    Watch(asio::io_context& context, int watched, std::function<std::chrono::milliseconds()> on_ready)
        : descriptor(context, watched), pause(context), ready(std::move(on_ready)) {}
    asio::posix::stream_descriptor descriptor;
    asio::steady_timer pause;
    std::function<std::chrono::milliseconds()> ready;
  };

  void run() {
    // Signals are for the program's own threads.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (true) {
      try {
        context_.run();
        return;
      } catch (const std::exception& failure) {
        log_warning("a network callback has failed: {}", failure.what());
      }
    }
  }

  void tick() {
    ticking_ = !connections_.empty() && !closing_;
    if (!ticking_) return;
    timer_.expires_after(kTick);
    timer_.async_wait([this](const error_code& ec) {
      if (ec) return;
      const auto now = std::chrono::steady_clock::now();
      for_each([now](Connection& connection) { connection.check_deadlines(now); });
      tick();
    });
  }

  void await(Watch& watch) {
    watch.descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [this, &watch](const error_code& ec) {
      if (ec || !watch.ready) return;
      const std::chrono::milliseconds pause = watch.ready();
      if (pause.count() == 0) return await(watch);
      watch.pause.expires_after(pause);
      watch.pause.async_wait([this, &watch](const error_code& cancelled) {
        if (!cancelled && watch.ready) await(watch);
      });
    });
  }

  Site& site_;
  Loop& loop_;
  asio::io_context context_{1};
  std::list<Watch> watches_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  asio::steady_timer timer_;
  bool ticking_ = false, closing_ = false;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

Worker::Worker(Site& site) : impl_(std::make_unique<Impl>(site, *this)) {}
Worker::~Worker() { join(); }

void Worker::post(std::function<void()> work) { asio::post(impl_->context(), std::move(work)); }

void Worker::serve(AcceptedSocket client, std::shared_ptr<const TlsContext> tls, std::function<void()> closed) {
  post([this, client = std::move(client), tls = std::move(tls), closed = std::move(closed)]() mutable {
    impl_->add(std::move(client), std::move(tls), std::move(closed));
  });
}

void Worker::watch(const ListeningSocket& listening, std::function<std::chrono::milliseconds()> ready) {
  impl_->run_there([&] { impl_->watch(listening.descriptor(), std::move(ready)); });
}

void Worker::stop_watching() {
  impl_->run_there([this] { impl_->stop_watching(); });
}

void Worker::drain() {
  impl_->run_there([this] { impl_->for_each([](Connection& connection) { connection.drain(); }); });
}

void Worker::close_all() {
  impl_->run_there([this] { impl_->close_all(); });
}

void Worker::join() { impl_->join(); }

}  // namespace paddock::net
