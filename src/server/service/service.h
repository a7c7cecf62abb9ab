// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the server does with a request: routes, and everything that they share.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/router.h"
#include "net/server.h"
#include "server/api/identifiers.h"
#include "server/api/model_list.h"
#include "server/api/parse.h"
#include "server/api/response_store.h"
#include "server/auth/key_store.h"
#include "server/auth/rate_limit_headers.h"
#include "server/inference/completion.h"
#include "server/inference/loaded_model.h"
#include "server/inference/work_queue.h"
#include "server/metrics/metrics.h"
#include "server/service/answer_sink.h"
#include "server/service/gate.h"
#include "server/service/request_log.h"

namespace paddock::server {

struct ServiceOptions {
  GateOptions gate;
  std::string version;          // of the program
  int preparing_threads = 2;    // that read, render and tokenise
  size_t most_preparing = 256;  // requests that wait for them
  int retry_after_seconds = 2;  // told to those who find the queue full
  MemoryResponseStore::Limits stored_responses;
  prompt::PictureLimits pictures;        // of a request
  std::filesystem::path adapter_folder;  // that clients may load adapters from; empty: they may not
};

class Service {
 public:
  // The models are served by their names; a request that names none gets the first. `keys` may be null.
  Service(ServiceOptions options, std::vector<std::unique_ptr<LoadedModel>> models,
          std::unique_ptr<auth::KeyStore> keys, std::unique_ptr<RequestLog> log);
  ~Service();  // after the network server has stopped

  net::ServerCallbacks callbacks();
  const net::Router& router() const { return router_; }
  auth::KeyStore* keys() { return keys_.get(); }
  // Told by the network server, once there is one.
  void set_network_statistics(std::function<net::ServerStatistics()> statistics) { network_ = std::move(statistics); }
  // No new requests are taken; /ready says so.
  void drain() { draining_ = true; }

 private:
  // A request while it is looked at.
  struct Call {
    net::Request request;
    net::PathValues values;
    std::shared_ptr<net::Exchange> exchange;
    auth::Principal principal;
    const net::Route* route = nullptr;
    Dialect dialect = Dialect::kOpenAi;
    RequestEntry entry;
  };
  struct Admitted {
    net::RouteMatch match;
    auth::Principal principal;
  };
  // What a request names: a model, or an adapter of one.
  struct Addressed {
    const LoadedModel* model = nullptr;
    std::string id;  // what clients name
    std::shared_ptr<const engine::NamedAdapter> adapter;
  };
  using CallPointer = std::shared_ptr<Call>;
  using Handler = void (Service::*)(const CallPointer&);

  void add_routes();
  void add(const char* method, std::string pattern, const char* policy, Handler handler);
  ApiResult<Admitted> look_at(const net::Request& request) const;
  RequestEntry entry_of(const net::Request& request) const;
  std::optional<net::Response> refuse_early(const net::Request& request);
  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange);
  void answer_preflight(const net::Request& request, net::Exchange& exchange);
  void answer(const CallPointer& call, net::Response response);
  void refuse(const CallPointer& call, const ApiError& error);
  void note_end(const CallPointer& call, int status);
  net::Headers common_fields(const Call& call) const;

  // routes_models.cc: what a model is asked for
  void chat(const CallPointer& call);
  void completions(const CallPointer& call);
  void responses(const CallPointer& call);
  void messages(const CallPointer& call);
  void complete(const CallPointer& call, ApiResult<CompletionRequest> parsed);
  void note_completion(const CallPointer& call, const CompletionReport& report, const std::string& model, int status);
  void count_tokens(const CallPointer& call);
  void render(const CallPointer& call);
  void tokenize(const CallPointer& call);
  void detokenize(const CallPointer& call);
  std::optional<Addressed> find_model(const std::string& name) const;
  ApiResult<Addressed> model_for(const std::string& name, const Call& call) const;
  prompt::PictureLimits picture_limits(const Call& call) const;

  // routes_adapters.cc: what comes and goes
  bool is_named(std::string_view name) const;
  void load_adapter(const CallPointer& call);
  ApiResult<Json> load_adapter(const LoadAdapterRequest& wanted);
  void unload_adapter(const CallPointer& call);

  // routes_about.cc: what the server tells of itself
  std::vector<ServedModel> served_models() const;
  void list_models(const CallPointer& call);
  void show_model(const CallPointer& call);
  void show_response(const CallPointer& call);
  void erase_response(const CallPointer& call);
  void show_input_items(const CallPointer& call);
  void health(const CallPointer& call);
  void ready(const CallPointer& call);
  void metrics(const CallPointer& call);
  void openapi(const CallPointer& call);
  void page(const CallPointer& call);

  const ServiceOptions options_;
  const std::vector<std::unique_ptr<LoadedModel>> models_;
  const std::unique_ptr<auth::KeyStore> keys_;
  const std::unique_ptr<RequestLog> log_;
  Gate gate_;
  Metrics metrics_;
  MaskCost mask_cost_;
  MemoryResponseStore stored_;
  Identifiers identifiers_ = Identifiers::random();
  net::Router router_;
  std::vector<Handler> handlers_;  // of the router's routes
  std::function<net::ServerStatistics()> network_;
  std::atomic<bool> draining_{false};

  // Streams that may be silent for long.
  void keep_streams_alive();
  std::mutex streams_mutex_;
  std::vector<std::weak_ptr<AnswerSink>> streams_;

  std::unique_ptr<WorkQueue> preparing_, events_, loading_;
  std::mutex ticking_mutex_;
  std::condition_variable ticking_;
  bool stopping_ = false;
  std::thread ticker_;
};

}  // namespace paddock::server
