// SPDX-License-Identifier: Apache-2.0
#include "server/inference/completion.h"

#include <utility>

namespace paddock::server {
namespace {

const char* name_of(ChoiceFinished::Reason reason) {
  using Reason = ChoiceFinished::Reason;
  switch (reason) {
    case Reason::kStop: return "stop";
    case Reason::kLength: return "length";
    case Reason::kContextFull: return "context_full";
    case Reason::kToolCalls: return "tool_calls";
    case Reason::kCancelled: return "cancelled";
    case Reason::kError: break;
  }
  return "error";
}

}  // namespace

Completion::Completion(std::shared_ptr<const CompletionRequest> request, const LoadedModel& model, WorkQueue& events,
                       CompletionListener listener)
    : request_(std::move(request)), model_(model), events_(events), listener_(std::move(listener)) {}

std::shared_ptr<Completion> Completion::create(std::shared_ptr<const CompletionRequest> request,
                                               const LoadedModel& model, WorkQueue& events,
                                               CompletionListener listener) {
  return std::shared_ptr<Completion>(new Completion(std::move(request), model, events, std::move(listener)));
}

ApiResult<void> Completion::start(PreparedRequest prepared, const std::function<void()>& ready) {
  const std::lock_guard lock(mutex_);
  answers_.reserve(prepared.requests.size());
  for (size_t choice = 0; choice < prepared.requests.size(); ++choice) {
    engine::Request& one = prepared.requests[choice];
    answers_.push_back({ChoiceText(static_cast<int>(choice), *request_, model_, prepared.tools, prepared.calls), 0,
                        static_cast<int64_t>(one.prompt.size()), std::move(prepared.echoes[choice]), -1});
    one.listener = [self = shared_from_this(), choice](const engine::Event& event) {
      if (event.token || event.finished) self->post([self, choice, event] { self->hear(choice, event); });
    };
  }
  for (size_t choice = 0; choice < prepared.requests.size(); choice += static_cast<size_t>(request_->choices))
    report_.usage.prompt_tokens += answers_[choice].prompt;
  for (size_t choice = 0; choice < prepared.requests.size(); ++choice) {
    const auto ticket = model_.loop->submit(std::move(prepared.requests[choice]));
    if (!ticket) {
      refused_ = true;
      for (size_t other = 0; other < choice; ++other) model_.loop->cancel(answers_[other].ticket);
      ApiError error = to_api_error(ticket.error());
      error.kind = ApiErrorKind::kInvalidRequest;
      return tl::unexpected(std::move(error));
    }
    answers_[choice].ticket = *ticket;
  }
  ready();
  return {};
}

void Completion::cancel() {
  const auto give_up = [self = shared_from_this()] {
    const std::lock_guard lock(self->mutex_);
    for (const Answer& answer : self->answers_) self->model_.loop->cancel(answer.ticket);
  };
  post(give_up, Turn::kNext);
}

void Completion::post(std::function<void()> work, Turn turn) {
  const std::lock_guard lock(pending_mutex_);
  const bool is_queued = !pending_.empty();
  pending_.insert(turn == Turn::kNext ? pending_.begin() : pending_.end(), std::move(work));
  if (!is_queued) events_.post([self = shared_from_this()] { self->work_off_one(); });
}

void Completion::work_off_one() {
  std::function<void()> work;
  {
    const std::lock_guard lock(pending_mutex_);
    work = std::move(pending_.front());
    pending_.pop_front();
    if (!pending_.empty()) events_.post([self = shared_from_this()] { self->work_off_one(); });
  }
  work();
}

double Completion::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Completion::hear(size_t choice, const engine::Event& event) {
  const std::lock_guard lock(mutex_);
  Answer& answer = answers_[choice];
  if (refused_ || answer.text.is_finished()) return;
  if (choice % static_cast<size_t>(request_->choices) == 0 && answer.last_token < 0)
    report_.usage.cached_tokens += event.prompt_reused;  // the others of the same prompt wait for this one's
  if (event.token) {
    const double now = seconds();
    if (report_.first_token_seconds < 0) report_.first_token_seconds = now;
    if (answer.last_token >= 0) report_.gaps.push_back(now - answer.last_token);
    answer.last_token = now;
  }
  if (!told_start_) {
    told_start_ = true;
    listener_.event(AnswerStarted{report_.usage});
  }
  if (!answer.echo.empty()) listener_.event(TextDelta{static_cast<int>(choice), std::exchange(answer.echo, {})});
  tell(answer.text.push(event));
  std::optional<engine::FinishReason> finished = event.finished;
  if (!finished && answer.text.found_stop()) {
    model_.loop->cancel(answer.ticket);  // what it says meanwhile is not listened to
    finished = engine::FinishReason::kStop;
  }
  if (!finished) return;
  const bool context_is_full = answer.prompt + answer.text.tokens() >= model_.loop->context();
  tell(answer.text.finish(*finished, context_is_full));
  report_.usage.output_tokens += answer.text.tokens();
  if (++ended_ == answers_.size()) finish();
}

void Completion::tell(const std::vector<AnswerEvent>& events) {
  for (const AnswerEvent& event : events) {
    if (const auto* end = std::get_if<ChoiceFinished>(&event))
      if (report_.finish_reason.empty() || report_.finish_reason == "stop")
        report_.finish_reason = name_of(end->reason);
    listener_.event(event);
  }
}

void Completion::finish() {
  for (const Answer& answer : answers_) {
    if (!report_.output.empty()) report_.output += '\n';
    report_.output += answer.text.text();
  }
  report_.seconds = seconds();
  listener_.complete(report_);
  listener_.event(AnswerFinished{report_.usage});
  listener_.finished(report_);
}

}  // namespace paddock::server
