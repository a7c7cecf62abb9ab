// SPDX-License-Identifier: Apache-2.0
#pragma once
// The events of an answer to a client's connection: as a stream, or as one body at the end.

#include <functional>
#include <memory>
#include <optional>

#include "net/exchange.h"
#include "server/api/answer_event.h"
#include "server/api/api_error.h"
#include "server/api/completion_request.h"
#include "server/api/write.h"

namespace paddock::server {

// One thread at a time.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;

  virtual void tell(const AnswerEvent& event) = 0;
  // Instead of the rest.
  virtual void fail(const ApiError& error) = 0;
  // While nothing is said: keeps a stream from looking dead.
  virtual void keep_alive() {}

  // 200, or that of the failure; 499 where the client did not wait for a whole answer.
  virtual int status() const = 0;
};

// Keeps the response object of a request that asks for it.
using KeepResponse = std::function<void(SharedJson)>;

// What a request's answer is sent by. `headers` are added to it. `keep` is called before the client can know of the
// response, for whose id it may ask at once. The request must live as long.
std::unique_ptr<AnswerSink> make_answer_sink(const CompletionRequest& request, AnswerContext context,
                                             std::shared_ptr<net::Exchange> exchange, net::Headers headers,
                                             KeepResponse keep);

// A body that is not an answer of the model.
net::Response json_response(const Json& body, net::Headers headers = {});
net::Response error_response(const ApiError& error, Dialect dialect, std::string_view request_id,
                             net::Headers headers = {});

}  // namespace paddock::server
