// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a client is told when its request is not answered, in the shape of the dialect that it speaks.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace paddock::server {

enum class Dialect : uint8_t { kOpenAi, kAnthropic };

enum class ApiErrorKind : uint8_t {
  kInvalidRequest,
  kAuthentication,    // no key, or one that is not known
  kPermission,        // a key that may not do this
  kNotFound,          // a model, a response, a route
  kMethodNotAllowed,  // a route that knows other methods
  kTooLarge,          // a body beyond the limit
  kUnsupportedMedia,  // a body that is not JSON
  kRateLimit,         // requests or tokens a minute or a day
  kQuota,             // a budget that is spent
  kQueueFull,         // too many wait already
  kOverloaded,        // no model is loaded yet, or no memory
  kTimeout,           // the deadline of the request passed
  kServer,            // our own mistake
};

struct ApiError {
  ApiErrorKind kind = ApiErrorKind::kInvalidRequest;
  std::string message;  // a whole sentence
  std::string param;    // path of the field, such as messages[2].content; empty where none is to blame
  std::string code;     // OpenAI's short word for programs; empty takes the one that goes with the kind
  std::optional<int> retry_after_seconds;
};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;

// A 400 that blames the field `param`.
[[nodiscard]] tl::unexpected<ApiError> invalid(std::string param, std::string_view code, std::string message);

// How an error of the layers below is told: what the caller asked for in vain is a 4xx, what we could not do a 5xx.
ApiError to_api_error(const Error& error);

int http_status(ApiErrorKind kind, Dialect dialect);

// {"error": {"message", "type", "param", "code"}}
Json openai_error(const ApiError& error);

// {"type": "error", "error": {"type", "message"}, "request_id"}
Json anthropic_error(const ApiError& error, std::string_view request_id);

struct HttpAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // besides content-type and content-length
  std::string body;                                          // JSON
};

// Status, retry-after and body. Answers of Anthropic's dialect also name the request in their headers.
HttpAnswer http_error(const ApiError& error, Dialect dialect, std::string_view request_id);

// Ill-formed UTF-8, which no answer should hold, becomes U+FFFD: an answer is never lost to an exception.
std::string json_text(const Json& json);

}  // namespace paddock::server
