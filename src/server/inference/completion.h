// SPDX-License-Identifier: Apache-2.0
#pragma once
// One request on its way through an engine: all its answers, told to whoever wants to hear them.

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/api/answer_event.h"
#include "server/api/completion_request.h"
#include "server/inference/choice_text.h"
#include "server/inference/loaded_model.h"
#include "server/inference/prepare.h"
#include "server/inference/work_queue.h"

namespace paddock::server {

// What became of a request, for bills, logs and metrics. Seconds since it was submitted.
struct CompletionReport {
  Usage usage;
  std::string finish_reason;  // of the first answer that ended otherwise than the others: "stop", "length", …
  std::string output;         // of all answers, as the model wrote them
  double first_token_seconds = -1;
  double seconds = 0;
  std::vector<double> gaps;  // seconds between two tokens of an answer
};

// Events come one at a time, on the thread of the queue that was given, in the order that answer_event.h says.
struct CompletionListener {
  std::function<void(const AnswerEvent&)> event;
  std::function<void(const CompletionReport&)> complete;  // before the last event: what clients rely on is done here
  std::function<void(const CompletionReport&)> finished;  // last
};

class Completion : public std::enable_shared_from_this<Completion> {
 public:
  // The model and the queue, which has one thread, outlive it. The request is kept until the end.
  static std::shared_ptr<Completion> create(std::shared_ptr<const CompletionRequest> request, const LoadedModel& model,
                                            WorkQueue& events, CompletionListener listener);

  // Hands the answers' requests to the engine. When it has taken them, and before the listener hears anything, `ready`
  // is called. An error: none of them runs, and the listener hears nothing.
  ApiResult<void> start(PreparedRequest prepared, const std::function<void()>& ready);

  // Any thread, at any time: what has not been answered is given up.
  void cancel();

 private:
  Completion(std::shared_ptr<const CompletionRequest> request, const LoadedModel& model, WorkQueue& events,
             CompletionListener listener);
  // On the queue, one piece after another, in turns with other completions: one with much to say keeps nobody waiting.
  enum class Turn { kLast, kNext };
  void post(std::function<void()> work, Turn turn = Turn::kLast);
  void work_off_one();
  void hear(size_t choice, const engine::Event& event);
  void tell(const std::vector<AnswerEvent>& events);
  void finish();
  double seconds() const;

  struct Answer {
    ChoiceText text;
    EngineLoop::Ticket ticket = 0;
    int64_t prompt = 0;  // tokens
    std::string echo;    // is told before anything else
    double last_token = -1;
  };

  const std::shared_ptr<const CompletionRequest> request_;
  const LoadedModel& model_;
  WorkQueue& events_;
  const CompletionListener listener_;
  bool refused_ = false;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();

  std::mutex pending_mutex_;
  std::deque<std::function<void()>> pending_;  // while it is not empty, the queue has one work_off_one()

  std::mutex mutex_;  // while requests are handed over, their first events wait
  std::vector<Answer> answers_;
  bool told_start_ = false;
  size_t ended_ = 0;
  CompletionReport report_;
};

}  // namespace paddock::server
