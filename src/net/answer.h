// SPDX-License-Identifier: Apache-2.0
#pragma once
// One answer between the threads that write it and the connection that sends it.

#include <functional>
#include <mutex>
#include <string>

#include "net/exchange.h"

namespace paddock::net {

// What the request decides about its answer's form.
struct AnswerForm {
  bool head_only = false;  // HEAD
  int version = 11;
  bool keep_alive = true;
  size_t queued_bytes = 0;  // more than this unsent at a write breaks the connection off
};

// Thread-safe. The connection is told through `wake`, which it clears by detach() before it goes.
class Answer {
 public:
  Answer(const AnswerForm& form, std::function<void()> wake) : form_(form), wake_(std::move(wake)) {}

  // For handlers; see exchange.h.
  bool respond(Response response);
  bool begin_stream(int status, Headers headers);
  bool write(std::string_view bytes);
  bool finish();
  void abort();
  void abandon();  // nobody can write any more: breaks a stream off, or leaves the answer to the connection
  void on_disconnect(std::function<void()> callback);
  bool is_open() const;
  size_t bytes_queued() const;

  // For the connection. Until its first take() nothing wakes it: it looks by itself when the handler has returned.
  std::string take();
  void sent(size_t bytes);
  bool complete() const;  // finished, and all has been taken
  bool aborted() const;
  bool abandoned() const;  // no handler will answer, and none has begun to
  bool keep_alive() const;
  void end_connection();  // the head, if it is yet to come, says that the connection closes
  void disconnected();    // the client has gone; writing goes on until detach()
  void detach();

 private:
  using Lock = std::unique_lock<std::mutex>;
  bool write_head(int status, const Headers& headers, const size_t* content_length);
  bool accepts_body() const { return begun_ && !finished_ && !aborted_ && wake_ != nullptr; }
  void queue(std::string_view bytes);
  void wake();
  void break_off();

  mutable std::mutex mutex_;
  AnswerForm form_;
  std::function<void()> wake_;  // empty: detached
  std::function<void()> on_disconnect_;
  std::string pending_;
  size_t unsent_ = 0;
  bool begun_ = false, finished_ = false, aborted_ = false, abandoned_ = false, gone_ = false;
  bool chunked_ = false, bodiless_ = false;
  bool woken_ = true;
};

// A handler's hold on an answer.
std::shared_ptr<Exchange> make_exchange(std::shared_ptr<Answer> answer);

}  // namespace paddock::net
