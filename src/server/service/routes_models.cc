// SPDX-License-Identifier: Apache-2.0
// What a model is asked for: answers, and what its tokenizer makes of texts. On the preparing threads.

#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/model_list.h"
#include "server/api/parse.h"
#include "server/service/service.h"

namespace paddock::server {
namespace {

std::string parameters_of(const CompletionRequest& request) {
  const engine::SamplingParameters& sampling = request.sampling;
  Json parameters{{"temperature", sampling.temperature},
                  {"top_p", sampling.top_p},
                  {"stream", request.stream},
                  {"n", request.choices}};
  if (sampling.top_k > 0) parameters["top_k"] = sampling.top_k;
  if (request.max_tokens >= 0) parameters["max_tokens"] = request.max_tokens;
  if (request.has_seed) parameters["seed"] = sampling.seed;
  if (!request.user.empty()) parameters["user"] = request.user;
  if (request.has_tools()) parameters["tools"] = true;
  return json_text(parameters);
}

// With the pictures that the answer is about, by the SHA-256 of their files.
std::string with_pictures(const std::string& parameters, const std::vector<engine::Picture>& pictures) {
  Json all = Json::parse(parameters);
  for (const engine::Picture& picture : pictures) all["images"].push_back(to_hex(picture.file));
  return json_text(all);
}

// Of program, weights and machine: an adapter's are others.
std::string fingerprint_of(const LoadedModel& model, const engine::NamedAdapter* adapter) {
  if (adapter == nullptr) return model.fingerprint;
  return model.fingerprint + "-" + to_hex(adapter->adapter->digest()).substr(0, 8);
}

}  // namespace

std::optional<Service::Addressed> Service::find_model(const std::string& name) const {
  for (const auto& model : models_)
    if (name.empty() || model->id == name) return Addressed{model.get(), model->id, nullptr};
  for (const auto& model : models_)
    if (auto adapter = model->adapters ? model->adapters->find(name) : nullptr)
      return Addressed{model.get(), name, std::move(adapter)};
  return {};
}

ApiResult<Service::Addressed> Service::model_for(const std::string& name, const Call& call) const {
  auto found = find_model(name);
  if (!found) return tl::unexpected(no_such_model(name));
  if (const auto allowed = auth::authorise(call.principal, auth::Need::kAnyKey, call.route->pattern, found->id);
      !allowed)
    return tl::unexpected(to_api_error(allowed.error()));
  return std::move(*found);
}

// The server's and those of the key; what is fetched is given up when the client goes away.
prompt::PictureLimits Service::picture_limits(const Call& call) const {
  prompt::PictureLimits limits = options_.pictures;
  limits.is_wanted = [exchange = call.exchange] { return exchange->is_open(); };
  if (call.principal.is_anonymous()) return limits;
  const auth::PictureLimits& of_key = call.principal.key()->pictures;
  prompt::PictureLimits key = limits;
  key.pictures = of_key.images.value_or(limits.pictures);
  key.file.bytes = static_cast<size_t>(of_key.bytes.value_or(static_cast<int64_t>(limits.file.bytes)));
  key.file.pixels = of_key.pixels.value_or(limits.file.pixels);
  key.tiles = of_key.tiles.value_or(limits.tiles);
  return prompt::narrower(limits, key);
}

void Service::chat(const CallPointer& call) { complete(call, parse_chat(call->request.body)); }
void Service::completions(const CallPointer& call) { complete(call, parse_completions(call->request.body)); }
void Service::messages(const CallPointer& call) { complete(call, parse_messages(call->request.body)); }
void Service::responses(const CallPointer& call) {
  complete(call, parse_responses(call->request.body, &stored_, call->principal.key_id(), identifiers_));
}

void Service::complete(const CallPointer& call, ApiResult<CompletionRequest> parsed) {
  if (!parsed) return refuse(call, parsed.error());
  const auto request = std::make_shared<const CompletionRequest>(std::move(*parsed));
  std::string body = std::exchange(call->request.body, {});
  if (log_->keeps_content()) call->entry.prompt = std::move(body);
  log_->note_unknown_fields(request->unknown_fields);
  const auto addressed = model_for(request->model, *call);
  if (!addressed) return refuse(call, addressed.error());
  const LoadedModel& model = *addressed->model;
  call->entry.model = addressed->id;
  call->entry.parameters = parameters_of(*request);
  if (model.loop->is_full())
    return refuse(call, {ApiErrorKind::kQueueFull, "too many requests wait for this model: try again in a moment", "",
                         "", options_.retry_after_seconds});
  auto prepared = prepare(*request, model, picture_limits(*call), &mask_cost_);
  if (!prepared) return refuse(call, prepared.error());
  if (addressed->adapter)
    for (engine::Request& one : prepared->requests) one.adapter = addressed->adapter->adapter;
  if (const auto& pictures = prepared->requests.front().pictures; !pictures.empty())
    call->entry.parameters = with_pictures(call->entry.parameters, pictures);

  std::shared_ptr<auth::Permit> permit;
  if (keys_ && !call->principal.is_anonymous()) {
    const int64_t room = model.loop->context() - prepared->longest_prompt;
    const int64_t longest = request->max_tokens < 0 ? std::max<int64_t>(room, 0) : request->max_tokens;
    const auto answers = static_cast<int64_t>(prepared->requests.size());
    auto allowed = keys_->try_begin(call->principal, addressed->id,
                                    {.prompt_tokens = prepared->prompt_tokens,
                                     .max_output_tokens = longest * answers,
                                     .may_shorten_output = request->max_tokens < 0});
    if (!allowed) {
      metrics_.count_refusal(auth::name_of(allowed.error().reason));
      net::Response response = error_response(to_api_error(allowed.error()), call->dialect, call->request.id);
      for (const auto& [name, value] : auth::retry_fields(allowed.error())) response.headers.set(name, value);
      return answer(call, std::move(response));
    }
    permit = std::make_shared<auth::Permit>(std::move(*allowed));
    for (engine::Request& one : prepared->requests) {
      if (request->max_tokens < 0) one.max_tokens = permit->max_output_tokens() / answers;
      one.tenant = static_cast<int64_t>(std::hash<std::string>()(call->principal.key_id()) >> 1);
    }
  }

  const auto sink = std::make_shared<std::shared_ptr<AnswerSink>>();
  CompletionListener listener;
  listener.event = [sink](const AnswerEvent& event) { (*sink)->tell(event); };
  // The bill and the record are written before the client has all of its answer.
  listener.complete = [this, call, permit, sink, id = addressed->id](const CompletionReport& report) {
    const Usage& usage = report.usage;
    if (permit)
      if (const auto kept = permit->finish({usage.prompt_tokens, usage.cached_tokens, usage.output_tokens}); !kept)
        log_->warn("usage", kept.error().message);
    note_completion(call, report, id, (*sink)->status());
  };
  // The sink refers to the request, which the closure keeps. The exchange holds the completion, to cancel it, and must
  // not be held by it.
  listener.finished = [call, request, sink](const CompletionReport&) {
    sink->reset();
    call->exchange.reset();
  };
  const auto completion = Completion::create(request, model, *events_, std::move(listener));

  AnswerContext context{.id = answer_id(request->route, identifiers_),
                        .model = addressed->id,
                        .created = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()),
                        .fingerprint = fingerprint_of(model, addressed->adapter.get()),
                        .request_id = call->request.id,
                        .identifiers = identifiers_};
  // Nothing is sent before the engine has taken the request: until then a refusal has its own status.
  const auto ready = [&] {
    *sink = make_answer_sink(*request, std::move(context), call->exchange, common_fields(*call),
                             [this, call, request](SharedJson response) {
                               stored_.put(call->principal.key_id(), stored_turn(*request, std::move(response)));
                             });
    if (!request->stream) return;
    const std::lock_guard lock(streams_mutex_);
    streams_.push_back(*sink);
  };
  const auto exchange = call->exchange;  // the call gives its own up when the answer ends, which may be at once
  if (const auto started = completion->start(std::move(*prepared), ready); !started)
    return refuse(call, started.error());
  exchange->on_disconnect([completion] { completion->cancel(); });
}

void Service::note_completion(const CallPointer& call, const CompletionReport& report, const std::string& model,
                              int status) {
  RequestEntry& entry = call->entry;
  entry.prompt_tokens = report.usage.prompt_tokens;
  entry.cached_tokens = report.usage.cached_tokens;
  entry.output_tokens = report.usage.output_tokens;
  entry.first_token_seconds = report.first_token_seconds;
  entry.finish_reason = report.finish_reason;
  if (log_->keeps_content()) entry.output = report.output;
  metrics_.count_completion({.model = model,
                             .key = entry.key_name,
                             .finish_reason = report.finish_reason,
                             .prompt_tokens = report.usage.prompt_tokens,
                             .cached_tokens = report.usage.cached_tokens,
                             .output_tokens = report.usage.output_tokens,
                             .first_token_seconds = report.first_token_seconds,
                             .seconds = report.seconds,
                             .gaps = report.gaps});
  note_end(call, status);
}

void Service::count_tokens(const CallPointer& call) {
  const auto parsed = parse_count_tokens(call->request.body);
  if (!parsed) return refuse(call, parsed.error());
  const auto model = model_for(parsed->model, *call);
  if (!model) return refuse(call, model.error());
  const auto prompt =
      render_prompt(*parsed->conversation, parsed->continue_final_message, *model->model, picture_limits(*call));
  if (!prompt) return refuse(call, prompt.error());
  answer(call, json_response(write_token_count(static_cast<int64_t>(prompt->tokens.size()))));
}

void Service::render(const CallPointer& call) {
  const auto parsed = parse_chat(call->request.body);
  if (!parsed) return refuse(call, parsed.error());
  const auto model = model_for(parsed->model, *call);
  if (!model) return refuse(call, model.error());
  const auto prompt =
      render_prompt(*parsed->conversation, parsed->continue_final_message, *model->model, picture_limits(*call));
  if (!prompt) return refuse(call, prompt.error());
  answer(call, json_response(write_rendered(prompt->text, prompt->tokens)));
}

void Service::tokenize(const CallPointer& call) {
  const auto parsed = parse_tokenize(call->request.body);
  if (!parsed) return refuse(call, parsed.error());
  const auto model = model_for(parsed->model, *call);
  if (!model) return refuse(call, model.error());
  std::vector<int32_t> tokens;
  if (parsed->conversation) {
    auto prompt =
        render_prompt(*parsed->conversation, parsed->continue_final_message, *model->model, picture_limits(*call));
    if (!prompt) return refuse(call, prompt.error());
    tokens = std::move(prompt->tokens);
  } else {
    tokens = tokenize_prompt(parsed->text, parsed->add_special_tokens, parsed->parse_special, *model->model);
  }
  std::vector<std::string> texts;
  if (parsed->with_texts)
    for (const int32_t token : tokens) texts.emplace_back(model->model->tokenizer->token_bytes(token));
  answer(call,
         json_response(write_tokens(tokens, model->model->loop->context(), parsed->with_texts ? &texts : nullptr)));
}

void Service::detokenize(const CallPointer& call) {
  const auto parsed = parse_detokenize(call->request.body);
  if (!parsed) return refuse(call, parsed.error());
  const auto model = model_for(parsed->model, *call);
  if (!model) return refuse(call, model.error());
  answer(call,
         json_response(write_detokenized(model->model->tokenizer->decode(parsed->tokens, text::SpecialText::kShow))));
}

}  // namespace paddock::server
