// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "cli/console.h"
#include "text/stop_strings.h"
#include "text/stream_decoder.h"

namespace paddock::cli {
namespace {

double rate(int64_t tokens, double seconds) {
  return tokens > 0 && seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
}

class Listener {
 public:
  Listener(engine::Engine& engine, const Question& question, Answer* answer)
      : engine_(engine), question_(question), answer_(*answer), stops_(question.stop_strings) {
    if (question.tokenizer != nullptr) decoder_.emplace(*question.tokenizer, question.special_text);
  }

  bool is_finished() const { return is_finished_; }
  const Result<void>& written() const { return written_; }

  void hear(const engine::Event& event) {
    answer_.prompt_reused = event.prompt_reused;
    if (event.token)
      hear_token(event);
    else if (!event.finished)
      progress_.show(event.prompt_done, answer_.prompt_tokens);
    if (!event.finished) return;
    is_finished_ = true;
    answer_.finish_reason = stops_.found() ? engine::FinishReason::kStop : *event.finished;
    if (!stops_.found()) {
      if (decoder_) add_text(stops_.push(decoder_->flush()));
      add_text(stops_.flush());
    }
    progress_.clear();
  }

 private:
  void hear_token(const engine::Event& event) {
    if (answer_.tokens.empty()) {
      answer_.prefill_seconds = watch_.seconds();
      progress_.clear();
    }
    answer_.decode_seconds = watch_.seconds() - answer_.prefill_seconds;
    answer_.tokens.push_back(*event.token);
    if (event.logprobs) answer_.logprobs.push_back(*event.logprobs);
    if (question_.write_token) keep_error(question_.write_token(*event.token));
    if (decoder_) add_text(stops_.push(decoder_->push(*event.token)));
    if (stops_.found() && !event.finished) engine_.cancel(event.request);
  }

  void add_text(std::string_view text) {
    answer_.text += text;
    if (question_.write && !text.empty()) keep_error(question_.write(text));
  }

  void keep_error(Result<void> result) {
    if (result || !written_) return;
    written_ = std::move(result);
    engine_.cancel(answer_.request);
  }

  engine::Engine& engine_;
  const Question& question_;
  Answer& answer_;
  std::optional<text::StreamDecoder> decoder_;
  text::StopStrings stops_;
  Progress progress_{"reading the prompt"};
  Stopwatch watch_;
  Result<void> written_;
  bool is_finished_ = false;
};

}  // namespace

double Answer::prefill_tokens_per_second() const { return rate(prompt_tokens - prompt_reused, prefill_seconds); }
double Answer::decode_tokens_per_second() const {
  return rate(static_cast<int64_t>(tokens.size()) - 1, decode_seconds);
}

Result<Answer> answer(engine::Engine& engine, Question question, const InterruptWatch& watch) {
  Answer result;
  result.prompt_tokens = static_cast<int64_t>(question.request.prompt.size());
  engine::Request request = std::move(question.request);
  Listener listener(engine, question, &result);
  request.listener = [&listener](const engine::Event& event) { listener.hear(event); };
  result.request = TRY(engine.submit(std::move(request)));
  while (!listener.is_finished()) {
    if (watch.interrupted()) engine.cancel(result.request);
    CHECK(engine.step() || listener.is_finished());
  }
  TRY_VOID(listener.written());
  if (result.finish_reason == engine::FinishReason::kError)
    return error(ErrorCode::kBadFile,
                 "after {} tokens the model computed logits that are not finite; its weights may be damaged: try another copy "
                 "of the file, or --machine reference to see whether it is the arithmetic",
                 result.prompt_tokens + static_cast<int64_t>(result.tokens.size()));
  return result;
}

std::string speed_line(const Answer& answer) {
  if (answer.tokens.empty() && answer.finish_reason == engine::FinishReason::kCancelled)
    return "stopped before the first token";
  const std::string kept = answer.prompt_reused > 0 ? fmt::format(", {} more were kept", answer.prompt_reused) : "";
  return fmt::format("prompt {} tokens, {:.1f}/s{}; answer {} tokens, {:.1f}/s{}",
                     answer.prompt_tokens - answer.prompt_reused, answer.prefill_tokens_per_second(), kept,
                     answer.tokens.size(), answer.decode_tokens_per_second(),
                     answer.finish_reason == engine::FinishReason::kCancelled ? ", stopped" : "");
}

}  // namespace paddock::cli
