// SPDX-License-Identifier: Apache-2.0
#pragma once
// One client's connection: requests in, one at a time and in order; answers out; limits kept. No sockets here: bytes
// come and go by a Transport, and everything runs on the thread of one Loop.

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "net/answer.h"
#include "net/request_parser.h"
#include "net/site.h"
#include "net/transport.h"

namespace paddock::net {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `closed` is called once, when nothing will be sent or read any more.
  Connection(Site& site, Loop& loop, std::unique_ptr<Transport> transport, Peer peer,
             std::function<void(Connection&)> closed);
  ~Connection();

  void start();
  void check_deadlines(Time now);  // to be called a few times a second
  void drain();                    // closes, if need be after the answer that is under way
  void close();

 private:
  enum class State { kHandshake, kReading, kAnswering, kLingering, kClosed };

  void read();
  void on_read(Io io, size_t bytes);
  void on_end();
  void consume();
  void begin_request();
  void on_head();
  bool reserve_body();
  void extend_body_time();
  void send_continue();
  void answer_request();
  AnswerForm form_of(const RequestParser& parser) const;
  void begin_answer(const AnswerForm& form);
  void refuse(const Refusal& refusal);
  void answer(const AnswerForm& form, Response response);
  void wake();
  void flush();
  void write();
  void on_written(Io io, size_t bytes);
  void end_answer();
  void linger();
  void call_handler(Request request);
  void release_body();

  Site& site_;
  Loop& loop_;
  std::unique_ptr<Transport> transport_;
  Peer peer_;
  std::function<void(Connection&)> closed_;
  State state_ = State::kHandshake;
  bool draining_ = false;

  // Reading. Bytes that came while an answer is under way wait in input_, one portion at most; a client that sends more
  // then is missed only when something is written to it.
  RequestParser parser_;
  std::array<char, 16384> buffer_;
  std::string input_;
  bool reading_ = false;
  bool ended_ = false;         // the client has ended its side
  bool first_request_ = true;  // its time runs from the opening of the connection
  size_t discarded_ = 0;       // bytes, while lingering
  size_t reserved_body_ = 0;   // bytes against Limits::all_body_bytes
  Time read_deadline_, body_begin_;

  // Writing: pieces of out_, each with a deadline.
  std::shared_ptr<Answer> answer_;
  std::string out_;
  size_t out_begin_ = 0, piece_end_ = 0;
  bool writing_ = false;
  bool interim_ = false;  // out_ is no answer but a 100
  Time write_deadline_;
};

}  // namespace paddock::net
