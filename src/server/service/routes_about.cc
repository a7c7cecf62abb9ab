// SPDX-License-Identifier: Apache-2.0
// What the server tells of itself and keeps for its clients. At once, on the network's thread.

#include <charconv>
#include <nlohmann/json.hpp>

#include "server/api/model_list.h"
#include "server/api/openapi.h"
#include "server/service/service.h"
#include "server/web/web_files.h"

namespace paddock::server {
namespace {

const std::string& value_of(const net::PathValues& values, std::string_view name) {
  static const std::string kNone;
  for (const auto& [key, value] : values)
    if (key == name) return value;
  return kNone;
}

ApiResult<int> limit_of(const net::Target& target, int otherwise, int most) {
  const auto text = target.find("limit");
  if (!text) return otherwise;
  int limit = 0;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (problem != std::errc() || end != text->data() + text->size() || limit < 1 || limit > most)
    return invalid(
        "limit", "invalid_value",
        "limit: expected a number from 1 to " + std::to_string(most) + ", found \"" + std::string(*text) + "\"");
  return limit;
}

}  // namespace

// Adapters behind the model that they change.
std::vector<ServedModel> Service::served_models() const {
  std::vector<ServedModel> list;
  for (const auto& model : models_) {
    ServedModel one{model->id, "", model->created, model->loop->context(), {}, ""};
    if (model->pictures) one.images = ImageLimits{options_.pictures.pictures, options_.pictures.file.bytes};
    list.push_back(one);
    if (!model->adapters) continue;
    one.parent = model->id;
    for (const auto& adapter : model->adapters->all()) {
      one.id = adapter->name;
      one.created = adapter->loaded;
      list.push_back(one);
    }
  }
  return list;
}

void Service::list_models(const CallPointer& call) {
  if (call->request.headers.find("anthropic-version")) call->dialect = Dialect::kAnthropic;
  const auto limit = limit_of(call->request.target, 20, 1000);
  if (!limit) return refuse(call, limit.error());
  if (call->dialect == Dialect::kOpenAi) return answer(call, json_response(write_models(served_models())));
  const auto find = [&](std::string_view name) { return std::string(call->request.target.find(name).value_or("")); };
  const auto page = write_model_page(served_models(), {find("after_id"), find("before_id"), *limit});
  if (!page) return refuse(call, page.error());
  answer(call, json_response(*page));
}

void Service::show_model(const CallPointer& call) {
  if (call->request.headers.find("anthropic-version")) call->dialect = Dialect::kAnthropic;
  const auto model = write_model(served_models(), value_of(call->values, "model"), call->dialect);
  if (!model) return refuse(call, model.error());
  answer(call, json_response(*model));
}

void Service::show_response(const CallPointer& call) {
  const auto response = stored_response(stored_, call->principal.key_id(), value_of(call->values, "response_id"));
  if (!response) return refuse(call, response.error());
  answer(call, json_response(*response));
}

void Service::erase_response(const CallPointer& call) {
  const auto erased = delete_response(stored_, call->principal.key_id(), value_of(call->values, "response_id"));
  if (!erased) return refuse(call, erased.error());
  answer(call, json_response(*erased));
}

void Service::show_input_items(const CallPointer& call) {
  const auto limit = limit_of(call->request.target, 20, 100);
  if (!limit) return refuse(call, limit.error());
  const auto order = call->request.target.find("order").value_or("desc");
  if (order != "asc" && order != "desc")
    return refuse(call,
                  ApiError{ApiErrorKind::kInvalidRequest, "order: expected asc or desc", "order", "invalid_value", {}});
  const auto items =
      stored_input_items(stored_, call->principal.key_id(), value_of(call->values, "response_id"),
                         {std::string(call->request.target.find("after").value_or("")), *limit, order == "desc"});
  if (!items) return refuse(call, items.error());
  answer(call, json_response(*items));
}

void Service::health(const CallPointer& call) { answer(call, json_response({{"status", "ok"}})); }

// Whether a request would be taken now; load balancers ask.
void Service::ready(const CallPointer& call) {
  Json reasons = Json::array();
  if (draining_) reasons.push_back("the server is ending");
  for (const auto& model : models_)
    if (model->loop->is_full()) reasons.push_back("the queue of " + model->id + " is full");
  if (const auto kept = log_->admit(); !kept)
    reasons.push_back("the audit log cannot be written: " + kept.error().message);
  const bool ok = reasons.empty();
  net::Response response = json_response({{"ready", ok}, {"reasons", std::move(reasons)}});
  if (!ok) response.status = 503;
  answer(call, std::move(response));
}

void Service::metrics(const CallPointer& call) {
  ServerGauges now;
  for (const auto& model : models_) {
    const EngineStatus status = model->loop->status();
    ModelGauges gauges{.model = model->id,
                       .waiting = status.waiting,
                       .running = status.running,
                       .steps = status.counts.steps,
                       .computed_tokens = status.counts.computed_tokens,
                       .drafted_tokens = status.counts.drafted_tokens,
                       .accepted_tokens = status.counts.accepted_tokens,
                       .preemptions = status.counts.preemptions,
                       .evictions = status.evictions,
                       .pools = {},
                       .folder = {},
                       .pictures = {},
                       .adapters = {}};
    for (const cache::Group group : cache::kAllGroups) {
      const EngineStatus::Pool& pool = status.pools[group];
      const auto bytes = [&](int64_t pages) {
        return static_cast<double>(pages) * static_cast<double>(pool.page_bytes);
      };
      if (pool.page_bytes > 0)
        gauges.pools.push_back(
            {group == cache::kGlobal ? "global" : "local", bytes(pool.pages), bytes(pool.in_use), bytes(pool.idle)});
    }
    if (const auto& folder = status.folder)
      gauges.folder = {folder->written, folder->read, folder->discarded, static_cast<double>(folder->bytes)};
    if (const auto& pictures = status.pictures)
      gauges.pictures = {status.counts.pictures, status.counts.reused_pictures, pictures->counts.encoded_tiles,
                         pictures->counts.seconds, static_cast<double>(pictures->bytes)};
    if (model->adapters)
      gauges.adapters = {static_cast<int64_t>(model->adapters->all().size()),
                         static_cast<double>(model->adapters->bytes())};
    now.models.push_back(std::move(gauges));
  }
  if (network_) {
    const net::ServerStatistics statistics = network_();
    now.connections = statistics.connections;
    now.exchanges = statistics.exchanges;
  }
  now.masks = mask_cost_.masks;
  now.mask_seconds = static_cast<double>(mask_cost_.nanoseconds) * 1e-9;
  if (audit::AuditLog* audit = log_->audit()) {
    const audit::AuditStatus status = audit->status();
    now.audit_waiting = status.waiting;
    now.audit_lost = status.lost;
  }
  net::Response response{200, {}, metrics_.text(now)};
  response.headers.set("content-type", "text/plain; version=0.0.4; charset=utf-8");
  answer(call, std::move(response));
}

// A file of the web page. The browser that has it asks whether it is still the same.
void Service::page(const CallPointer& call) {
  const web::WebFile& file = *web::find_web_file(call->route->pattern);
  const bool packed = !file.gzip.empty() &&
                      call->request.headers.find("accept-encoding").value_or("").find("gzip") != std::string_view::npos;
  const std::string_view etag = packed ? file.gzip_etag : file.etag;
  net::Response response;
  for (const web::WebHeader& header : web::web_headers()) response.headers.set(header.name, std::string(header.value));
  response.headers.set("content-type", std::string(file.content_type));
  response.headers.set("etag", std::string(etag));
  response.headers.set("cache-control", "no-cache");
  response.headers.set("vary", "accept-encoding");
  if (call->request.headers.find("if-none-match").value_or("").find(etag) != std::string_view::npos) {
    response.status = 304;
  } else {
    if (packed) response.headers.set("content-encoding", "gzip");
    response.body = std::string(packed ? file.gzip : file.content);
  }
  answer(call, std::move(response));
}

void Service::openapi(const CallPointer& call) {
  const auto route = [](const char* summary, const char* type, bool may_be_unready = false) {
    Json responses{{"200", {{"description", "The answer"}, {"content", {{type, {{"schema", Json::object()}}}}}}}};
    if (may_be_unready) responses["503"] = {{"description", "Not ready; the reasons"}};
    return Json{{"get", {{"summary", summary}, {"responses", std::move(responses)}}}};
  };
  Json further{{"/health", route("Whether the process is alive", "application/json")},
               {"/ready", route("Whether requests are taken", "application/json", true)},
               {"/metrics", route("What Prometheus collects", "text/plain")},
               {"/openapi.json", route("This description", "application/json")}};
  further["/health"]["get"]["security"] = Json::array();
  answer(call, json_response(write_openapi(options_.version, gate_.needs_key(), further)));
}

}  // namespace paddock::server
