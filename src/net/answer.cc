// SPDX-License-Identifier: Apache-2.0
#include "net/answer.h"

#include <fmt/format.h>

#include <utility>

#include "net/response_head.h"

namespace paddock::net {
namespace {

class AnswerExchange final : public Exchange {
 public:
  explicit AnswerExchange(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  ~AnswerExchange() override { answer_->abandon(); }

  bool respond(Response response) override { return answer_->respond(std::move(response)); }
  bool begin_stream(int status, Headers headers) override { return answer_->begin_stream(status, std::move(headers)); }
  bool write(std::string_view bytes) override { return answer_->write(bytes); }
  bool finish() override { return answer_->finish(); }
  void abort() override { answer_->abort(); }
  void on_disconnect(std::function<void()> callback) override { answer_->on_disconnect(std::move(callback)); }
  bool is_open() const override { return answer_->is_open(); }
  size_t bytes_queued() const override { return answer_->bytes_queued(); }

 private:
  std::shared_ptr<Answer> answer_;
};

}  // namespace

std::shared_ptr<Exchange> make_exchange(std::shared_ptr<Answer> answer) {
  return std::make_shared<AnswerExchange>(std::move(answer));
}

// ---- For handlers. Callbacks are destroyed and called outside the lock: they may hold the last reference to the
// exchange.

bool Answer::write_head(int status, const Headers& headers, const size_t* content_length) {
  if (begun_ || aborted_ || !wake_) return false;
  begun_ = true;
  if (status < 200 || status > 599) status = 500;
  for (const std::string_view value : headers.all("Connection"))
    if (equal_ignoring_case(value, "close")) form_.keep_alive = false;
  bodiless_ = form_.head_only || is_bodiless(status);
  Framing framing;
  if (content_length && !is_bodiless(status)) framing.content_length = *content_length;
  if (!content_length && !is_bodiless(status)) {
    // A body without a length or chunks ends with the connection.
    if (form_.version >= 11)
      framing.chunked = true;
    else
      form_.keep_alive = false;
  }
  chunked_ = framing.chunked && !bodiless_;
  framing.close = !form_.keep_alive;
  queue(render_head(status, headers, framing));
  return true;
}

bool Answer::respond(Response response) {
  std::function<void()> callback;
  const Lock lock(mutex_);
  const size_t length = response.body.size();
  if (!write_head(response.status, response.headers, &length)) return false;
  if (!bodiless_) queue(response.body);
  finished_ = true;
  callback.swap(on_disconnect_);
  wake();
  return true;
}

bool Answer::begin_stream(int status, Headers headers) {
  const Lock lock(mutex_);
  if (!write_head(status, headers, nullptr)) return false;
  wake();
  return true;
}

bool Answer::write(std::string_view bytes) {
  const Lock lock(mutex_);
  if (!accepts_body()) return false;
  if (bytes.empty() || bodiless_) return true;
  if (unsent_ > form_.queued_bytes) {
    break_off();
    return false;
  }
  if (chunked_) {
    queue(fmt::format("{:x}\r\n", bytes.size()));
    queue(bytes);
    queue("\r\n");
  } else {
    queue(bytes);
  }
  wake();
  return true;
}

bool Answer::finish() {
  std::function<void()> callback;
  const Lock lock(mutex_);
  if (!accepts_body()) return false;
  if (chunked_) queue("0\r\n\r\n");
  finished_ = true;
  callback.swap(on_disconnect_);
  wake();
  return true;
}

void Answer::abort() {
  std::function<void()> callback;
  const Lock lock(mutex_);
  if (finished_) return;
  callback.swap(on_disconnect_);
  break_off();
}

void Answer::abandon() {
  const Lock lock(mutex_);
  if (finished_ || aborted_) return;
  if (begun_) return break_off();
  abandoned_ = true;
  wake();
}

void Answer::on_disconnect(std::function<void()> callback) {
  {
    const Lock lock(mutex_);
    if (finished_) return;
    if (!gone_ && !aborted_ && wake_) {
      on_disconnect_.swap(callback);
      return;
    }
  }
  callback();
}

bool Answer::is_open() const {
  const Lock lock(mutex_);
  return !finished_ && !aborted_ && !gone_ && wake_;
}

size_t Answer::bytes_queued() const {
  const Lock lock(mutex_);
  return unsent_;
}

void Answer::queue(std::string_view bytes) {
  pending_ += bytes;
  unsent_ += bytes.size();
}

void Answer::wake() {
  if (woken_ || !wake_) return;
  woken_ = true;
  wake_();
}

// Not kept back by an earlier waking: that one may wait for a write which will never end.
void Answer::break_off() {
  aborted_ = true;
  if (wake_) wake_();
}

// ---- For the connection.

std::string Answer::take() {
  const Lock lock(mutex_);
  woken_ = false;
  return std::exchange(pending_, {});
}

void Answer::sent(size_t bytes) {
  const Lock lock(mutex_);
  unsent_ -= bytes;
}

bool Answer::complete() const {
  const Lock lock(mutex_);
  return finished_ && pending_.empty();
}

bool Answer::aborted() const {
  const Lock lock(mutex_);
  return aborted_;
}

bool Answer::abandoned() const {
  const Lock lock(mutex_);
  return abandoned_ && !begun_;
}

bool Answer::keep_alive() const {
  const Lock lock(mutex_);
  return form_.keep_alive;
}

void Answer::end_connection() {
  const Lock lock(mutex_);
  form_.keep_alive = false;
}

void Answer::disconnected() {
  std::function<void()> callback;
  {
    const Lock lock(mutex_);
    gone_ = true;
    if (!finished_) callback.swap(on_disconnect_);
  }
  if (callback) callback();
}

void Answer::detach() {
  std::function<void()> wake, callback;
  const Lock lock(mutex_);
  wake.swap(wake_);
  callback.swap(on_disconnect_);
  pending_.clear();
}

}  // namespace paddock::net
