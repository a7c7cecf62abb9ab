// SPDX-License-Identifier: Apache-2.0
#include "server/service/service.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "server/api/parse.h"
#include "server/web/web_files.h"

namespace paddock::server {
namespace {

constexpr auto kKeepAlive = std::chrono::seconds(10);
constexpr size_t kMostLoading = 16;  // adapters that wait to be read

int64_t seconds_since_start() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Service::Service(ServiceOptions options, std::vector<std::unique_ptr<LoadedModel>> models,
                 std::unique_ptr<auth::KeyStore> keys, std::unique_ptr<RequestLog> log)
    : options_(std::move(options)),
      models_(std::move(models)),
      keys_(std::move(keys)),
      log_(std::move(log)),
      gate_(options_.gate, keys_.get()),
      metrics_(options_.version),
      stored_(options_.stored_responses, seconds_since_start),
      preparing_(std::make_unique<WorkQueue>(options_.preparing_threads, options_.most_preparing)),
      events_(std::make_unique<WorkQueue>(1)),
      loading_(std::make_unique<WorkQueue>(1, kMostLoading)),
      ticker_([this] { keep_streams_alive(); }) {
  add_routes();
}

Service::~Service() {
  {
    const std::lock_guard lock(ticking_mutex_);
    stopping_ = true;
  }
  ticking_.notify_all();
  ticker_.join();
  // Nobody asks any more; what runs ends, and tells its listeners.
  preparing_.reset();
  loading_.reset();
  for (const auto& model : models_) model->loop->stop();
  events_.reset();
}

void Service::add_routes() {
  // Answered at once, on the network's thread.
  add("GET", "/health", "open", &Service::health);
  add("GET", "/ready", "any key", &Service::ready);
  add("GET", "/metrics", "read-only", &Service::metrics);
  add("GET", "/openapi.json", "any key", &Service::openapi);
  add("GET", "/v1/models", "any key", &Service::list_models);
  add("GET", "/v1/models/{model...}", "any key", &Service::show_model);
  add("GET", "/v1/responses/{response_id}", "inference", &Service::show_response);
  add("DELETE", "/v1/responses/{response_id}", "inference", &Service::erase_response);
  add("GET", "/v1/responses/{response_id}/input_items", "inference", &Service::show_input_items);
  // Browsers ask for the key themselves, once, when a page needs one.
  for (const web::WebFile& file : web::web_files()) add("GET", std::string(file.path), "any key", &Service::page);
  // Bodies to be read, texts to be tokenised.
  add("POST", "/v1/chat/completions", "inference", &Service::chat);
  add("POST", "/v1/chat/completions/render", "any key", &Service::render);
  add("POST", "/v1/completions", "inference", &Service::completions);
  add("POST", "/v1/responses", "inference", &Service::responses);
  add("POST", "/v1/messages", "inference", &Service::messages);
  add("POST", "/v1/messages/count_tokens", "any key", &Service::count_tokens);
  add("POST", "/tokenize", "any key", &Service::tokenize);
  add("POST", "/detokenize", "any key", &Service::detokenize);
  add("POST", "/v1/load_lora_adapter", "admin", &Service::load_adapter);
  add("POST", "/v1/unload_lora_adapter", "admin", &Service::unload_adapter);
}

void Service::add(const char* method, std::string pattern, const char* policy, Handler handler) {
  CHECK(need_of(policy));
  // handle() calls it, once it knows who asks.
  CHECK(router_.add(
      {method, std::move(pattern), policy, [](net::Request, net::PathValues, std::shared_ptr<net::Exchange>) {}}));
  handlers_.push_back(handler);
}

net::ServerCallbacks Service::callbacks() {
  net::ServerCallbacks callbacks;
  callbacks.handle = [this](net::Request request, std::shared_ptr<net::Exchange> exchange) {
    handle(std::move(request), std::move(exchange));
  };
  callbacks.refuse_early = [this](const net::Request& request) { return refuse_early(request); };
  callbacks.refusal = [this](const net::Refusal& refusal, const net::Peer&) {
    const ApiError error{refusal.status == 413   ? ApiErrorKind::kTooLarge
                         : refusal.status == 503 ? ApiErrorKind::kOverloaded
                         : refusal.status >= 500 ? ApiErrorKind::kServer
                                                 : ApiErrorKind::kInvalidRequest,
                         refusal.message,
                         "",
                         "",
                         {}};
    metrics_.count_refusal("http_" + std::to_string(refusal.status));
    net::Response response = error_response(error, Dialect::kOpenAi, "");
    response.status = refusal.status;
    return response;
  };
  return callbacks;
}

// Whether the request may go on, as far as its head tells: with the route and who sent it.
ApiResult<Service::Admitted> Service::look_at(const net::Request& request) const {
  if (auto refused = gate_.check_origin(request)) return tl::unexpected(std::move(*refused));
  net::RouteMatch match = router_.match(request.method, request.target);
  if (match.route == nullptr) {
    if (match.allowed.empty())
      return tl::unexpected(
          ApiError{ApiErrorKind::kNotFound, "there is no route " + request.target.path, "", "unknown_route", {}});
    return tl::unexpected(
        ApiError{ApiErrorKind::kMethodNotAllowed,
                 request.target.path + ": expected " + match.allow_header() + ", found " + request.method,
                 "",
                 "method_not_allowed",
                 {}});
  }
  auto principal = gate_.admit(request, *match.route);
  if (!principal) return tl::unexpected(std::move(principal).error());
  if (request.method == "POST")
    if (const auto json = check_content_type(request.headers.find("content-type").value_or("")); !json)
      return tl::unexpected(json.error());
  return Admitted{std::move(match), std::move(*principal)};
}

RequestEntry Service::entry_of(const net::Request& request) const {
  RequestEntry entry;
  entry.id = request.id;
  entry.method = request.method;
  entry.path = request.target.path;
  entry.client_address = request.peer.address;
  return entry;
}

// Strangers and mistakes in a path are answered before a body is received.
std::optional<net::Response> Service::refuse_early(const net::Request& request) {
  if (request.method == "OPTIONS") return {};
  const auto admitted = look_at(request);
  if (admitted) return {};
  net::Headers headers;
  gate_.add_origin_fields(request, &headers);
  if (admitted.error().kind == ApiErrorKind::kMethodNotAllowed)
    headers.set("allow", router_.match(request.method, request.target).allow_header());
  net::Response response =
      error_response(admitted.error(), dialect_of_path(request.target.path), request.id, std::move(headers));
  // Browsers ask people for a key only by this scheme. Not where a page asks for data: it has a form of its own.
  if (response.status == 401 && web::find_web_file(request.target.path) != nullptr)
    response.headers.set("www-authenticate", "Basic realm=\"paddock\", charset=\"UTF-8\"");
  RequestEntry entry = entry_of(request);
  entry.status = response.status;
  entry.is_audited = response.status == 401 || response.status == 403;
  log_->write(entry);
  metrics_.count_refusal(std::to_string(response.status));
  return response;
}

void Service::handle(net::Request request, std::shared_ptr<net::Exchange> exchange) {
  if (request.method == "OPTIONS") return answer_preflight(request, *exchange);
  auto admitted = look_at(request);
  auto call = std::make_shared<Call>();
  call->entry = entry_of(request);
  call->dialect = dialect_of_path(request.target.path);
  call->request = std::move(request);
  call->exchange = std::move(exchange);
  if (!admitted) return refuse(call, admitted.error());
  call->values = std::move(admitted->match.values);
  call->route = admitted->match.route;
  call->principal = std::move(admitted->principal);
  call->entry.route = call->route->pattern;
  call->entry.key_id = call->principal.key_id();
  call->entry.key_name = call->principal.name();
  const Handler handler = handlers_[static_cast<size_t>(call->route - router_.routes().data())];
  if (call->request.method != "POST") return (this->*handler)(call);
  call->entry.is_audited = true;
  if (draining_)
    return refuse(
        call, {ApiErrorKind::kOverloaded, "the server is ending: ask another", "", "", options_.retry_after_seconds});
  if (const auto room = log_->admit(); !room)
    return refuse(call,
                  {ApiErrorKind::kOverloaded, "the audit log cannot be written: " + room.error().message, "", "", {}});
  if (!preparing_->post([this, call, handler] { (this->*handler)(call); }))
    refuse(call, {ApiErrorKind::kQueueFull, "too many requests wait to be read: try again in a moment", "", "",
                  options_.retry_after_seconds});
}

// What a browser asks before a page of an allowed origin sends a request with a key. Clients in pages send fields of
// their own, as x-stainless-lang: all that are asked for are allowed.
void Service::answer_preflight(const net::Request& request, net::Exchange& exchange) {
  const auto refuse = [&](const ApiError& error) {
    exchange.respond(error_response(error, dialect_of_path(request.target.path), request.id));
  };
  if (const auto refused = gate_.check_origin(request)) return refuse(*refused);
  const std::string methods = router_.match(request.method, request.target).allow_header();
  if (methods.empty())
    return refuse({ApiErrorKind::kNotFound, "there is no route " + request.target.path, "", "unknown_route", {}});
  net::Response response{204, {}, ""};
  response.headers.set("allow", methods + ", OPTIONS");
  gate_.add_origin_fields(request, &response.headers);
  if (request.headers.find("origin")) {
    response.headers.set("access-control-allow-methods", methods);
    if (const auto fields = request.headers.find("access-control-request-headers"))
      response.headers.set("access-control-allow-headers", std::string(*fields));
    response.headers.set("access-control-max-age", "600");
  }
  exchange.respond(std::move(response));
}

// Fields of every answer: who it is for, what is left of its limits.
net::Headers Service::common_fields(const Call& call) const {
  net::Headers headers;
  headers.set("x-request-id", call.request.id);
  if (call.dialect == Dialect::kAnthropic) headers.set("request-id", call.request.id);
  headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  gate_.add_origin_fields(call.request, &headers);
  if (keys_ && !call.principal.is_anonymous()) {
    const auto dialect = call.dialect == Dialect::kAnthropic ? auth::Dialect::kAnthropic : auth::Dialect::kOpenAi;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    for (auto& [name, value] : auth::rate_limit_fields(
             dialect, keys_->state(call.principal), std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()))
      headers.set(name, value);
  }
  return headers;
}

void Service::answer(const CallPointer& call, net::Response response) {
  for (const auto& [name, value] : common_fields(*call))
    if (!response.headers.find(name)) response.headers.set(name, value);
  note_end(call, response.status);
  call->exchange->respond(std::move(response));
}

void Service::refuse(const CallPointer& call, const ApiError& error) {
  metrics_.count_refusal(error.code.empty() ? std::to_string(http_status(error.kind, call->dialect)) : error.code);
  answer(call, error_response(error, call->dialect, call->request.id));
}

void Service::note_end(const CallPointer& call, int status) {
  call->entry.status = status;
  log_->write(call->entry);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - call->entry.start;
  metrics_.count_request(call->entry.route.empty() ? "unknown" : call->entry.route, call->entry.method, status,
                         seconds.count());
}

void Service::keep_streams_alive() {
  std::unique_lock lock(ticking_mutex_);
  while (!ticking_.wait_for(lock, kKeepAlive, [this] { return stopping_; })) {
    const std::lock_guard streams_lock(streams_mutex_);
    std::erase_if(streams_, [](const auto& stream) { return stream.expired(); });
    for (const auto& stream : streams_)
      events_->post([stream] {
        if (const auto sink = stream.lock()) sink->keep_alive();
      });
  }
}

}  // namespace paddock::server
