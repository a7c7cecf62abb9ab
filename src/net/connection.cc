// SPDX-License-Identifier: Apache-2.0
#include "net/connection.h"

#include <algorithm>
#include <exception>

#include "base/log.h"

namespace paddock::net {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Clock::time_point kNever = Clock::time_point::max();

// One piece of an answer: what has to be taken within Limits::write_time, whatever trickles meanwhile.
constexpr size_t kPiece = 64 << 10;

// How long and how much a client may still send after its last answer: closing with bytes unread would make the system
// throw away an answer that the client has not read yet.
constexpr std::chrono::milliseconds kLingerTime{1000};
constexpr size_t kLingerBytes = 64 << 20;

}  // namespace

Connection::Connection(Site& site, Loop& loop, std::unique_ptr<Transport> transport, Peer peer,
                       std::function<void(Connection&)> closed)
    : site_(site),
      loop_(loop),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      closed_(std::move(closed)),
      parser_(site.limits().request),
      read_deadline_(Clock::now() + site.limits().header_time),
      write_deadline_(kNever) {
  ++site_.counters().connections;
}

Connection::~Connection() { --site_.counters().connections; }

void Connection::start() {
  transport_->handshake([self = shared_from_this()](bool ok) {
    if (self->state_ != State::kHandshake) return;
    if (!ok) {
      ++self->site_.counters().failed_handshakes;
      return self->close();
    }
    self->peer_.certificate = self->transport_->client_certificate();
    self->state_ = State::kReading;
    self->read();
  });
}

// ---- Reading

void Connection::read() {
  if (reading_ || ended_ || state_ == State::kClosed) return;
  // While an answer is under way, reading shows whether the client is still there; what it sends is kept for later, and
  // when that is enough it has to wait.
  if (state_ == State::kAnswering && input_.size() >= buffer_.size()) return;
  reading_ = true;
  transport_->read_some(buffer_, [self = shared_from_this()](Io io, size_t bytes) { self->on_read(io, bytes); });
}

void Connection::on_read(Io io, size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (io == Io::kFailed) return close();
  if (io == Io::kEnd) {
    ended_ = true;
    return on_end();
  }
  if (state_ == State::kLingering) {
    discarded_ += bytes;
    if (discarded_ > kLingerBytes) return close();
  } else {
    input_.append(buffer_.data(), bytes);
    consume();
  }
  read();
}

void Connection::on_end() {
  if (state_ == State::kAnswering) return answer_->disconnected();
  if (state_ == State::kReading && parser_.begun())
    return refuse({400, "request: expected more bytes, found the end of the connection"});
  close();
}

// Takes requests from input_ until one is to be answered or bytes are missing.
void Connection::consume() {
  size_t taken = 0;
  while (state_ == State::kReading && taken < input_.size()) {
    if (!parser_.begun() && !first_request_) read_deadline_ = Clock::now() + site_.limits().header_time;
    taken += parser_.feed(std::string_view(input_).substr(taken));
    if (parser_.state() == RequestParser::State::kHeadDone) {
      on_head();
      if (taken == input_.size() && parser_.facts().expects_continue) send_continue();
    }
    if (state_ != State::kReading) break;
    switch (parser_.state()) {
      case RequestParser::State::kBody:
        if (reserve_body()) extend_body_time();
        break;
      case RequestParser::State::kDone:
        if (reserve_body()) answer_request();
        break;
      case RequestParser::State::kRefused: refuse(parser_.refusal()); break;
      case RequestParser::State::kHead:
      case RequestParser::State::kHeadDone: break;
    }
  }
  input_.erase(0, taken);
  if (state_ == State::kReading && ended_) on_end();
}

void Connection::begin_request() {
  first_request_ = false;
  state_ = State::kReading;
  read_deadline_ = Clock::now() + site_.limits().idle_time;
  consume();
  read();
}

void Connection::on_head() {
  body_begin_ = Clock::now();
  parser_.identify(site_.next_request_id(), peer_);
  std::optional<Response> response;
  if (const auto& refuse_early = site_.callbacks().refuse_early) response = refuse_early(parser_.request());
  if (!response) return parser_.proceed();
  // Behind a body that nobody reads no other request can be found.
  AnswerForm form = form_of(parser_);
  form.keep_alive = form.keep_alive && !parser_.has_body();
  if (form.keep_alive) {
    parser_.proceed();
    parser_.take_request();
  }
  answer(form, std::move(*response));
}

// False: refused, because all requests together hold as much as they may.
bool Connection::reserve_body() {
  const size_t more = parser_.request().body.size() - reserved_body_;
  if (!site_.reserve_body(more)) {
    refuse({503, "the server holds as many bytes of requests as it may; try again"});
    return false;
  }
  reserved_body_ += more;
  return true;
}

void Connection::extend_body_time() {
  const Limits& limits = site_.limits();
  const std::chrono::seconds earned(reserved_body_ / std::max<size_t>(limits.body_bytes_per_second, 1));
  read_deadline_ = body_begin_ + std::min<Clock::duration>(limits.body_grace + earned, limits.body_time);
}

// RFC 9110 section 10.1.1: a client that has sent nothing of its body waits to be asked for it.
void Connection::send_continue() {
  if (state_ != State::kReading || parser_.state() != RequestParser::State::kBody || writing_) return;
  out_ = "HTTP/1.1 100 Continue\r\n\r\n";
  interim_ = true;
  write();
}

// ---- Answering

AnswerForm Connection::form_of(const RequestParser& parser) const {
  AnswerForm form;
  form.head_only = parser.request().method == "HEAD";
  form.version = parser.request().version;
  form.keep_alive = !draining_ && parser.facts().keep_alive;
  form.queued_bytes = site_.limits().queued_bytes;
  return form;
}

void Connection::begin_answer(const AnswerForm& form) {
  state_ = State::kAnswering;
  read_deadline_ = kNever;
  ++site_.counters().exchanges;
  answer_ = std::make_shared<Answer>(form, [weak = weak_from_this(), &loop = loop_] {
    loop.post([weak] {
      if (const auto self = weak.lock()) self->wake();
    });
  });
}

void Connection::answer_request() {
  begin_answer(form_of(parser_));
  call_handler(parser_.take_request());
  if (ended_ && answer_) answer_->disconnected();
  flush();
}

void Connection::call_handler(Request request) {
  ++site_.counters().requests;
  try {
    site_.callbacks().handle(std::move(request), make_exchange(answer_));
  } catch (const std::exception& failure) {
    // Memory that is out, or a library that throws: one request's misfortune, not the server's.
    log_warning("a request's handler has failed: {}", failure.what());
  }
}

void Connection::refuse(const Refusal& refusal) {
  AnswerForm form;
  form.keep_alive = false;
  answer(form, site_.refusal(refusal, peer_));
}

void Connection::answer(const AnswerForm& form, Response response) {
  begin_answer(form);
  answer_->respond(std::move(response));
  flush();
}

void Connection::wake() {
  if (!answer_) return;
  if (answer_->aborted()) return close();
  flush();
}

void Connection::flush() {
  if (writing_ || !answer_) return;
  if (answer_->abandoned())
    answer_->respond(site_.refusal({500, "the request was not answered; this is a mistake of the server"}, peer_));
  out_ = answer_->take();
  out_begin_ = piece_end_ = 0;
  if (answer_->aborted()) return close();
  if (!out_.empty()) return write();
  if (answer_->complete()) end_answer();
}

void Connection::write() {
  if (out_begin_ >= piece_end_) {
    piece_end_ = std::min(out_begin_ + kPiece, out_.size());
    write_deadline_ = Clock::now() + site_.limits().write_time;
  }
  writing_ = true;
  transport_->write_some(std::string_view(out_).substr(out_begin_, piece_end_ - out_begin_),
                         [self = shared_from_this()](Io io, size_t bytes) { self->on_written(io, bytes); });
}

void Connection::on_written(Io io, size_t bytes) {
  writing_ = false;
  if (state_ == State::kClosed) return;
  if (io != Io::kOk) return close();
  out_begin_ += bytes;
  if (answer_ && !interim_) answer_->sent(bytes);
  if (out_begin_ < out_.size()) return write();
  out_.clear();
  out_begin_ = piece_end_ = 0;
  interim_ = false;
  write_deadline_ = kNever;
  flush();
}

void Connection::end_answer() {
  const bool keep_alive = answer_->keep_alive() && !draining_;
  answer_->detach();
  answer_.reset();
  --site_.counters().exchanges;
  release_body();
  if (keep_alive)
    begin_request();
  else
    linger();
}

void Connection::release_body() {
  site_.release_body(reserved_body_);
  reserved_body_ = 0;
}

// ---- Ending

void Connection::linger() {
  if (ended_) return close();
  state_ = State::kLingering;
  read_deadline_ = Clock::now() + kLingerTime;
  input_.clear();
  transport_->end_sending();
  read();
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  transport_->close();
  if (answer_) {
    --site_.counters().exchanges;
    answer_->disconnected();
    answer_->detach();
    answer_.reset();
  }
  release_body();
  closed_(*this);
}

void Connection::drain() {
  draining_ = true;
  if (answer_)
    answer_->end_connection();
  else if (state_ != State::kLingering)
    close();
}

void Connection::check_deadlines(Time now) {
  if (now > write_deadline_) {
    ++site_.counters().timed_out;
    return close();
  }
  if (now <= read_deadline_) return;
  if (state_ == State::kReading && parser_.begun()) {
    ++site_.counters().timed_out;
    return refuse({408, "request: expected it within the server's limits of time, found it unfinished"});
  }
  if (state_ == State::kHandshake) ++site_.counters().failed_handshakes;
  close();
}

}  // namespace paddock::net
