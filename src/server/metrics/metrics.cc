// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>

#include "base/process_memory.h"

namespace paddock::server {
namespace {

namespace prom = prometheus;
using Labels = std::map<std::string, std::string>;

// Seconds: from a cached prefix on a fast machine to a long prompt on a slow one.
const prom::Histogram::BucketBoundaries kFirstToken = {0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160};
const prom::Histogram::BucketBoundaries kGaps = {0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56};
const prom::Histogram::BucketBoundaries kWhole = {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500};

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

class Metrics::Families {
 public:
  explicit Families(std::string_view version) {
    gauges("paddock_build_info", "The program that runs.").Add({{"version", std::string(version)}}).Set(1);
    gauges("process_start_time_seconds", "When the process began, in Unix time.").Add({}).Set(unix_seconds());
  }

  prom::Registry registry;
  std::mutex scraping;
  prom::Family<prom::Counter>& counters(const char* name, const char* help) {
    return prom::BuildCounter().Name(name).Help(help).Register(registry);
  }
  prom::Family<prom::Gauge>& gauges(const char* name, const char* help) {
    return prom::BuildGauge().Name(name).Help(help).Register(registry);
  }
  prom::Family<prom::Histogram>& histograms(const char* name, const char* help) {
    return prom::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  prom::Family<prom::Counter>& requests = counters("paddock_requests_total", "Requests by route and status.");
  prom::Family<prom::Histogram>& request_seconds =
      histograms("paddock_request_duration_seconds", "From a request's head to the end of its answer.");
  prom::Family<prom::Counter>& refusals =
      counters("paddock_refusals_total", "Requests that were turned away, by reason.");
  prom::Family<prom::Counter>& completions =
      counters("paddock_completions_total", "Answered requests by how they ended.");
  prom::Family<prom::Counter>& prompt_tokens = counters("paddock_prompt_tokens_total", "Tokens of prompts.");
  prom::Family<prom::Counter>& cached_tokens =
      counters("paddock_cached_tokens_total", "Tokens of prompts that were not computed again.");
  prom::Family<prom::Counter>& output_tokens = counters("paddock_output_tokens_total", "Tokens of answers.");
  prom::Family<prom::Counter>& key_requests = counters("paddock_key_requests_total", "Answered requests of a key.");
  prom::Family<prom::Counter>& key_prompt = counters("paddock_key_prompt_tokens_total", "Tokens of a key's prompts.");
  prom::Family<prom::Counter>& key_output = counters("paddock_key_output_tokens_total", "Tokens of a key's answers.");
  prom::Family<prom::Histogram>& first_token =
      histograms("paddock_time_to_first_token_seconds", "From a request's being understood to its first token.");
  prom::Family<prom::Histogram>& gaps =
      histograms("paddock_time_between_tokens_seconds", "Between tokens of an answer.");
  prom::Family<prom::Histogram>& whole =
      histograms("paddock_completion_duration_seconds", "From a request's being understood to its last token.");

  prom::Family<prom::Gauge>& waiting = gauges("paddock_requests_waiting", "Requests that wait for a place.");
  prom::Family<prom::Gauge>& running = gauges("paddock_requests_running", "Requests that have a place.");
  prom::Family<prom::Counter>& steps = counters("paddock_engine_steps_total", "Steps of the engine.");
  prom::Family<prom::Counter>& computed =
      counters("paddock_engine_rows_total", "Tokens that went through the model; by steps, the size of a batch.");
  prom::Family<prom::Counter>& drafted =
      counters("paddock_drafted_tokens_total", "Tokens that were guessed and computed with the one before.");
  prom::Family<prom::Counter>& accepted =
      counters("paddock_accepted_tokens_total", "Guessed tokens that were drawn then: steps that were saved.");
  prom::Family<prom::Counter>& preemptions =
      counters("paddock_preemptions_total", "Times that a request lost its place for a while.");
  prom::Family<prom::Counter>& evictions =
      counters("paddock_cache_evictions_total", "Remembered pages that were given up.");
  prom::Family<prom::Gauge>& cache_capacity = gauges("paddock_cache_capacity_bytes", "Room for keys and values.");
  prom::Family<prom::Gauge>& cache_used = gauges("paddock_cache_used_bytes", "Keys and values of running requests.");
  prom::Family<prom::Gauge>& cache_remembered =
      gauges("paddock_cache_remembered_bytes", "Keys and values that are kept for later requests.");
  prom::Family<prom::Counter>& folder_pages =
      counters("paddock_prefix_folder_pages_total", "Pages that were written to the disk, read from it, or discarded.");
  prom::Family<prom::Gauge>& folder_bytes =
      gauges("paddock_prefix_folder_bytes", "Files of keys and values that outlive the server.");
  prom::Family<prom::Counter>& images = counters("paddock_images_total", "Pictures of requests.");
  prom::Family<prom::Counter>& image_hits =
      counters("paddock_image_cache_hits_total", "Pictures of requests that had been looked at before.");
  prom::Family<prom::Counter>& image_tiles = counters("paddock_image_tiles_total", "Tiles that were looked at.");
  prom::Family<prom::Counter>& image_seconds =
      counters("paddock_image_encode_seconds_total", "Time that looking at them took.");
  prom::Family<prom::Gauge>& image_bytes =
      gauges("paddock_image_cache_bytes", "What was seen, kept for later requests.");
  prom::Family<prom::Gauge>& adapters = gauges("paddock_adapters", "Adapters that requests may name.");
  prom::Family<prom::Gauge>& adapter_bytes =
      gauges("paddock_adapter_bytes", "Memory of adapters, and of unloaded ones that requests still have.");
  prom::Family<prom::Gauge>& connections = gauges("paddock_connections", "Open connections.");
  prom::Family<prom::Gauge>& exchanges = gauges("paddock_requests_in_flight", "Requests that are being answered.");
  prom::Family<prom::Counter>& masks = counters("paddock_grammar_masks_total", "Tokens that a grammar had a say in.");
  prom::Family<prom::Counter>& mask_seconds =
      counters("paddock_grammar_seconds_total", "Time that grammars took to say it.");
  prom::Family<prom::Gauge>& audit_waiting =
      gauges("paddock_audit_waiting_records", "Audit records that wait for room on the disk.");
  prom::Family<prom::Counter>& audit_lost =
      counters("paddock_audit_lost_records_total", "Audit records that were lost.");
  prom::Gauge& resident = gauges("process_resident_memory_bytes", "Resident memory.").Add({});
  prom::Counter& processor = counters("process_cpu_seconds_total", "Processor time of all threads.").Add({});
};

namespace {

// What others count: brought up to their number.
void raise(prom::Counter& counter, double to) { counter.Increment(std::max(0.0, to - counter.Value())); }

}  // namespace

Metrics::Metrics(std::string_view version) : families_(std::make_unique<Families>(version)) {}
Metrics::~Metrics() = default;

void Metrics::count_request(std::string_view route, std::string_view method, int status, double seconds) {
  const Labels labels{{"route", std::string(route)}, {"method", std::string(method)}, {"code", std::to_string(status)}};
  families_->requests.Add(labels).Increment();
  families_->request_seconds.Add({{"route", std::string(route)}}, kWhole).Observe(seconds);
}

void Metrics::count_refusal(std::string_view reason) {
  families_->refusals.Add({{"reason", std::string(reason)}}).Increment();
}

void Metrics::count_completion(const CompletionMetrics& done) {
  const Labels model{{"model", done.model}};
  families_->completions.Add({{"model", done.model}, {"finish_reason", done.finish_reason}}).Increment();
  const auto prompt = static_cast<double>(done.prompt_tokens), output = static_cast<double>(done.output_tokens);
  families_->prompt_tokens.Add(model).Increment(prompt);
  families_->cached_tokens.Add(model).Increment(static_cast<double>(done.cached_tokens));
  families_->output_tokens.Add(model).Increment(output);
  if (!done.key.empty()) {
    const Labels key{{"name", done.key}, {"model", done.model}};
    families_->key_requests.Add(key).Increment();
    families_->key_prompt.Add(key).Increment(prompt);
    families_->key_output.Add(key).Increment(output);
  }
  if (done.first_token_seconds >= 0) families_->first_token.Add(model, kFirstToken).Observe(done.first_token_seconds);
  prom::Histogram& gaps = families_->gaps.Add(model, kGaps);
  for (const double gap : done.gaps) gaps.Observe(gap);
  families_->whole.Add(model, kWhole).Observe(done.seconds);
}

std::string Metrics::text(const ServerGauges& now) {
  // Scrapers may come together: what is read and raised is raised once.
  const std::lock_guard lock(families_->scraping);
  Families& families = *families_;
  for (const ModelGauges& one : now.models) {
    const Labels model{{"model", one.model}};
    families.waiting.Add(model).Set(static_cast<double>(one.waiting));
    families.running.Add(model).Set(static_cast<double>(one.running));
    raise(families.steps.Add(model), static_cast<double>(one.steps));
    raise(families.computed.Add(model), static_cast<double>(one.computed_tokens));
    raise(families.drafted.Add(model), static_cast<double>(one.drafted_tokens));
    raise(families.accepted.Add(model), static_cast<double>(one.accepted_tokens));
    raise(families.preemptions.Add(model), static_cast<double>(one.preemptions));
    raise(families.evictions.Add(model), static_cast<double>(one.evictions));
    for (const ModelGauges::Pool& pool : one.pools) {
      const Labels layers{{"model", one.model}, {"layers", pool.name}};
      families.cache_capacity.Add(layers).Set(pool.bytes);
      families.cache_used.Add(layers).Set(pool.used_bytes);
      families.cache_remembered.Add(layers).Set(pool.remembered_bytes);
    }
    if (const auto& pictures = one.pictures) {
      raise(families.images.Add(model), static_cast<double>(pictures->asked));
      raise(families.image_hits.Add(model), static_cast<double>(pictures->reused));
      raise(families.image_tiles.Add(model), static_cast<double>(pictures->tiles));
      raise(families.image_seconds.Add(model), pictures->seconds);
      families.image_bytes.Add(model).Set(pictures->bytes);
    }
    if (one.adapters) {
      families.adapters.Add(model).Set(static_cast<double>(one.adapters->loaded));
      families.adapter_bytes.Add(model).Set(one.adapters->bytes);
    }
    if (!one.folder) continue;
    for (const auto& [what, count] :
         {std::pair{"written", one.folder->written}, {"read", one.folder->read}, {"discarded", one.folder->discarded}})
      raise(families.folder_pages.Add({{"model", one.model}, {"what", what}}), static_cast<double>(count));
    families.folder_bytes.Add(model).Set(one.folder->bytes);
  }
  families.connections.Add({}).Set(static_cast<double>(now.connections));
  families.exchanges.Add({}).Set(static_cast<double>(now.exchanges));
  raise(families.masks.Add({}), static_cast<double>(now.masks));
  raise(families.mask_seconds.Add({}), now.mask_seconds);
  families.audit_waiting.Add({}).Set(static_cast<double>(now.audit_waiting));
  raise(families.audit_lost.Add({}), static_cast<double>(now.audit_lost));
  families.resident.Set(static_cast<double>(process_memory().resident));
  raise(families.processor, processor_seconds());
  return prom::TextSerializer().Serialize(families.registry.Collect());
}

}  // namespace paddock::server
