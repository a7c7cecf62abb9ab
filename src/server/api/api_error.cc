// SPDX-License-Identifier: Apache-2.0
#include "server/api/api_error.h"

#include <nlohmann/json.hpp>

namespace paddock::server {
namespace {

struct KindRow {
  ApiErrorKind kind;
  int openai_status;
  const char* openai_type;
  const char* openai_code;  // null: none
  int anthropic_status;
  const char* anthropic_type;
};

constexpr KindRow kKinds[] = {
    {ApiErrorKind::kInvalidRequest, 400, "invalid_request_error", nullptr, 400, "invalid_request_error"},
    {ApiErrorKind::kAuthentication, 401, "invalid_request_error", "invalid_api_key", 401, "authentication_error"},
    {ApiErrorKind::kPermission, 403, "permission_error", "insufficient_permissions", 403, "permission_error"},
    {ApiErrorKind::kNotFound, 404, "invalid_request_error", "not_found", 404, "not_found_error"},
    {ApiErrorKind::kMethodNotAllowed, 405, "invalid_request_error", "method_not_allowed", 405, "invalid_request_error"},
    {ApiErrorKind::kTooLarge, 413, "invalid_request_error", "request_too_large", 413, "request_too_large"},
    {ApiErrorKind::kUnsupportedMedia, 415, "invalid_request_error", "unsupported_media_type", 415,
     "invalid_request_error"},
    {ApiErrorKind::kRateLimit, 429, "rate_limit_error", "rate_limit_exceeded", 429, "rate_limit_error"},
    {ApiErrorKind::kQuota, 429, "insufficient_quota", "insufficient_quota", 429, "rate_limit_error"},
    {ApiErrorKind::kQueueFull, 429, "rate_limit_error", "queue_full", 529, "overloaded_error"},
    {ApiErrorKind::kOverloaded, 503, "overloaded_error", "overloaded", 529, "overloaded_error"},
    {ApiErrorKind::kTimeout, 504, "timeout_error", "timeout", 504, "timeout_error"},
    {ApiErrorKind::kServer, 500, "server_error", "server_error", 500, "api_error"},
};

const KindRow& row_of(ApiErrorKind kind) {
  for (const KindRow& row : kKinds)
    if (row.kind == kind) return row;
  return kKinds[std::size(kKinds) - 1];
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

tl::unexpected<ApiError> invalid(std::string param, std::string_view code, std::string message) {
  return tl::unexpected(ApiError{.kind = ApiErrorKind::kInvalidRequest,
                                 .message = std::move(message),
                                 .param = std::move(param),
                                 .code = std::string(code)});
}

ApiError to_api_error(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotAllowed:
    case ErrorCode::kUnsupported: return {.kind = ApiErrorKind::kInvalidRequest, .message = error.message};
    case ErrorCode::kLimit:
      return {.kind = ApiErrorKind::kInvalidRequest, .message = error.message, .code = "context_length_exceeded"};
    case ErrorCode::kNotFound: return {.kind = ApiErrorKind::kNotFound, .message = error.message};
    case ErrorCode::kOutOfMemory:
      return {.kind = ApiErrorKind::kOverloaded, .message = error.message, .retry_after_seconds = 1};
    case ErrorCode::kCancelled: return {.kind = ApiErrorKind::kTimeout, .message = error.message};
    case ErrorCode::kBadFile:
    case ErrorCode::kIo: break;
  }
  return {.kind = ApiErrorKind::kServer, .message = error.message};
}

int http_status(ApiErrorKind kind, Dialect dialect) {
  return dialect == Dialect::kOpenAi ? row_of(kind).openai_status : row_of(kind).anthropic_status;
}

Json openai_error(const ApiError& error) {
  const KindRow& row = row_of(error.kind);
  const std::string code = error.code.empty() && row.openai_code ? row.openai_code : error.code;
  return {{"error",
           {{"message", error.message},
            {"type", row.openai_type},
            {"param", text_or_null(error.param)},
            {"code", text_or_null(code)}}}};
}

Json anthropic_error(const ApiError& error, std::string_view request_id) {
  return {{"type", "error"},
          {"error", {{"type", row_of(error.kind).anthropic_type}, {"message", error.message}}},
          {"request_id", request_id}};
}

HttpAnswer http_error(const ApiError& error, Dialect dialect, std::string_view request_id) {
  HttpAnswer answer{.status = http_status(error.kind, dialect)};
  if (error.retry_after_seconds) answer.headers.emplace_back("retry-after", std::to_string(*error.retry_after_seconds));
  answer.headers.emplace_back(dialect == Dialect::kOpenAi ? "x-request-id" : "request-id", request_id);
  answer.body = json_text(dialect == Dialect::kOpenAi ? openai_error(error) : anthropic_error(error, request_id));
  return answer;
}

std::string json_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace paddock::server
