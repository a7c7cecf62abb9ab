// SPDX-License-Identifier: Apache-2.0
#include "server/service/answer_sink.h"

#include <nlohmann/json.hpp>

#include "net/sse.h"

namespace paddock::server {
namespace {

constexpr int kClientIsGone = 499;  // as nginx has it; nobody reads it but logs and metrics

// An answer that did not end well is an error, whatever came of it.
std::optional<ApiError> failure_of(const AnswerEvent& event) {
  const auto* end = std::get_if<ChoiceFinished>(&event);
  if (end == nullptr) return {};
  if (end->reason == ChoiceFinished::Reason::kError)
    return ApiError{ApiErrorKind::kServer,
                    "the model gave no token that may come here: its numbers were not finite, or a grammar left none",
                    "",
                    "",
                    {}};
  if (end->reason == ChoiceFinished::Reason::kCancelled)
    return ApiError{
        ApiErrorKind::kTimeout, "the deadline of the request passed before its answer was complete", "", "", {}};
  return {};
}

class StreamSink : public AnswerSink {
 public:
  StreamSink(const CompletionRequest& request, AnswerContext context, std::shared_ptr<net::Exchange> exchange,
             net::Headers headers, KeepResponse keep)
      : request_(request),
        writer_(make_stream_writer(request, std::move(context))),
        exchange_(std::move(exchange)),
        keep_(std::move(keep)) {
    net::Headers all = net::event_stream_headers();
    for (const auto& [name, value] : headers) all.set(name, value);
    exchange_->begin_stream(200, std::move(all));
  }

  void tell(const AnswerEvent& event) override {
    if (ended_) return;
    if (const auto failed = failure_of(event)) return fail(*failed);
    const auto events = writer_->events(event);
    const bool last = std::holds_alternative<AnswerFinished>(event);
    if (last && request_.store && writer_->response()) keep_(writer_->response());
    send(events);
    if (last) end();
  }
  void fail(const ApiError& error) override {
    if (ended_) return;
    send(writer_->error(error));
    end();
  }
  void keep_alive() override {
    if (!ended_) exchange_->write(writer_->keep_alive().text());
  }
  int status() const override { return 200; }

 private:
  void send(const std::vector<ServerSentEvent>& events) {
    std::string bytes;
    for (const ServerSentEvent& event : events) bytes += event.text();
    if (!bytes.empty()) exchange_->write(bytes);
  }
  void end() {
    ended_ = true;
    exchange_->finish();
  }

  const CompletionRequest& request_;
  std::unique_ptr<StreamWriter> writer_;
  std::shared_ptr<net::Exchange> exchange_;
  KeepResponse keep_;
  bool ended_ = false;
};

class WholeSink : public AnswerSink {
 public:
  WholeSink(const CompletionRequest& request, AnswerContext context, std::shared_ptr<net::Exchange> exchange,
            net::Headers headers, KeepResponse keep)
      : request_(request),
        context_(std::move(context)),
        answer_(request, context_.identifiers),
        exchange_(std::move(exchange)),
        headers_(std::move(headers)),
        keep_(std::move(keep)) {}

  void tell(const AnswerEvent& event) override {
    if (ended_) return;
    if (const auto failed = failure_of(event)) return fail(*failed);
    answer_.add(event);
    if (!std::holds_alternative<AnswerFinished>(event)) return;
    const auto body = write_answer(request_, context_, answer_);
    if (!body) return fail(body.error());
    ended_ = true;
    if (request_.route == CompletionRequest::Route::kResponses && request_.store) keep_(share(*body));
    exchange_->respond(json_response(*body, std::move(headers_)));
  }
  void fail(const ApiError& error) override {
    if (ended_) return;
    ended_ = true;
    net::Response response =
        error_response(error, dialect_of(request_.route), context_.request_id, std::move(headers_));
    status_ = exchange_->is_open() ? response.status : kClientIsGone;
    exchange_->respond(std::move(response));
  }
  int status() const override { return status_; }

 private:
  const CompletionRequest& request_;
  AnswerContext context_;
  Answer answer_;
  std::shared_ptr<net::Exchange> exchange_;
  net::Headers headers_;
  KeepResponse keep_;
  int status_ = 200;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<AnswerSink> make_answer_sink(const CompletionRequest& request, AnswerContext context,
                                             std::shared_ptr<net::Exchange> exchange, net::Headers headers,
                                             KeepResponse keep) {
  if (request.stream)
    return std::make_unique<StreamSink>(request, std::move(context), std::move(exchange), std::move(headers),
                                        std::move(keep));
  return std::make_unique<WholeSink>(request, std::move(context), std::move(exchange), std::move(headers),
                                     std::move(keep));
}

net::Response json_response(const Json& body, net::Headers headers) {
  net::Response response{200, std::move(headers), json_text(body)};
  response.headers.set("content-type", "application/json");
  return response;
}

net::Response error_response(const ApiError& error, Dialect dialect, std::string_view request_id,
                             net::Headers headers) {
  HttpAnswer answer = http_error(error, dialect, request_id);
  net::Response response{answer.status, std::move(headers), std::move(answer.body)};
  for (auto& [name, value] : answer.headers) response.headers.set(name, std::move(value));
  response.headers.set("content-type", "application/json");
  if (answer.status == 401) response.headers.set("www-authenticate", "Bearer realm=\"paddock\"");
  return response;
}

}  // namespace paddock::server
