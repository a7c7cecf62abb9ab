// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "server/api/write_dialects.h"

namespace paddock::server::writing {
namespace {

Json response_usage(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", usage.output_tokens},
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", usage.prompt_tokens + usage.output_tokens}};
}

const char* code_of_failure(ApiErrorKind kind) {
  if (kind == ApiErrorKind::kRateLimit || kind == ApiErrorKind::kQuota || kind == ApiErrorKind::kQueueFull)
    return "rate_limit_exceeded";
  return kind == ApiErrorKind::kInvalidRequest ? "invalid_prompt" : "server_error";
}

// Builds the response while it tells of it, so that what streams and what is kept are the same.
class ResponsesStream : public EventWriter {
 public:
  using EventWriter::EventWriter;

  SharedJson response() const override { return final_; }

 private:
  enum class Item : uint8_t { kNone, kText, kCall };

  void on(const AnswerStarted&) override { start(); }

  void on(const TextDelta& delta) override {
    if (delta.text.empty()) return;
    if (item_ != Item::kText) open_text();
    text_ += delta.text;
    Json event = about_part();
    event["delta"] = delta.text;
    event["logprobs"] = take_logprobs();
    tell("response.output_text.delta", std::move(event));
  }

  void on(const LogprobsDelta& delta) override {
    held_logprobs_.insert(held_logprobs_.end(), delta.tokens.begin(), delta.tokens.end());
  }

  void on(const ToolCallBegun& call) override {
    Json item = {{"id", context_.identifiers.make("fc_")},        {"type", "function_call"}, {"status", "in_progress"},
                 {"call_id", context_.identifiers.make("call_")}, {"name", call.name},       {"arguments", ""}};
    open(Item::kCall, item);  // which closes the one before
    call_ = std::move(item);
  }

  void on(const ArgumentsDelta& delta) override {
    if (item_ != Item::kCall || delta.text.empty()) return;
    text_ += delta.text;
    Json event = about_item();
    event["delta"] = delta.text;
    tell("response.function_call_arguments.delta", std::move(event));
  }

  void on(const ToolCallEnded&) override { close("completed"); }

  void on(const ChoiceFinished& end) override {
    start();
    if (output_.empty() && item_ == Item::kNone) open_text();
    is_cut_ = end.reason == ChoiceFinished::Reason::kLength || end.reason == ChoiceFinished::Reason::kContextFull;
    close(is_cut_ ? "incomplete" : "completed");
  }

  void on(const AnswerFinished& end) override {
    Json whole = response_object(is_cut_ ? "incomplete" : "completed");
    if (is_cut_) whole["incomplete_details"] = {{"reason", "max_output_tokens"}};
    whole["usage"] = response_usage(end.usage);
    finish(is_cut_ ? "response.incomplete" : "response.completed", std::move(whole));
  }

  void fail(const ApiError& error) override {
    start();
    close("incomplete");
    Json whole = response_object("failed");
    whole["error"] = {{"code", code_of_failure(error.kind)}, {"message", error.message}};
    finish("response.failed", std::move(whole));
  }

  void start() {
    if (std::exchange(has_started_, true)) return;
    tell("response.created", {{"response", response_object("in_progress")}});
    tell("response.in_progress", {{"response", response_object("in_progress")}});
  }

  void finish(const char* type, Json whole) {
    final_ = share(whole);
    tell(type, {{"response", std::move(whole)}});
  }

  void open(Item kind, const Json& item) {
    start();
    close("completed");
    item_ = kind;
    item_id_ = item["id"].get<std::string>();
    tell("response.output_item.added", {{"output_index", output_.size()}, {"item", item}});
  }

  void open_text() {
    open(Item::kText, {{"id", context_.identifiers.make("msg_")},
                       {"type", "message"},
                       {"status", "in_progress"},
                       {"role", "assistant"},
                       {"content", Json::array()}});
    Json event = about_part();
    event["part"] = text_part();
    tell("response.content_part.added", std::move(event));
  }

  void close(const char* status) {
    const Item kind = std::exchange(item_, Item::kNone);
    if (kind == Item::kText) close_text(status);
    if (kind == Item::kCall) close_call(status);
    text_.clear();
    logprobs_ = Json::array();
  }

  void close_text(const char* status) {
    take_logprobs();  // of tokens without text of their own, at the end
    Json done = about_part();
    done["text"] = text_;
    done["logprobs"] = logprobs_;
    tell("response.output_text.done", std::move(done));
    Json part_done = about_part();
    part_done["part"] = text_part();
    tell("response.content_part.done", std::move(part_done));
    done_with({{"id", item_id_},
               {"type", "message"},
               {"status", status},
               {"role", "assistant"},
               {"content", Json::array({text_part()})}});
  }

  void close_call(const char* status) {
    Json done = about_item();
    done["name"] = call_["name"];
    done["arguments"] = text_;
    tell("response.function_call_arguments.done", std::move(done));
    call_["arguments"] = text_;
    call_["status"] = status;
    done_with(std::exchange(call_, nullptr));
  }

  void done_with(Json item) {
    tell("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
    output_.push_back(std::move(item));
  }

  Json take_logprobs() {
    Json taken = openai_logprobs(std::exchange(held_logprobs_, {}));
    for (const Json& one : taken) logprobs_.push_back(one);
    return taken;
  }

  Json text_part() const {
    return {{"type", "output_text"}, {"text", text_}, {"annotations", Json::array()}, {"logprobs", logprobs_}};
  }

  Json about_item() const { return {{"item_id", item_id_}, {"output_index", output_.size()}}; }

  Json about_part() const {
    Json about = about_item();
    about["content_index"] = 0;
    return about;
  }

  Json response_object(const char* status) const {
    Json whole{{"id", context_.id},       {"object", "response"}, {"created_at", context_.created},
               {"status", status},        {"error", nullptr},     {"incomplete_details", nullptr},
               {"model", context_.model}, {"output", output_},    {"usage", nullptr}};
    if (request_.echoed) whole.update(*request_.echoed);
    return whole;
  }

  void tell(const char* type, Json about) {
    Json event{{"type", type}, {"sequence_number", sequence_++}};
    event.update(about);
    send(type, event);
  }

  bool has_started_ = false;
  bool is_cut_ = false;
  int sequence_ = 0;
  Item item_ = Item::kNone;  // the one that is open
  std::string item_id_;
  std::string text_;                         // of the open message, or arguments of the open call
  Json call_;                                // the open one
  Json logprobs_ = Json::array();            // of the open message
  std::vector<TokenLogprob> held_logprobs_;  // of tokens whose text has not come
  Json output_ = Json::array();
  SharedJson final_;
};

}  // namespace

Json write_responses(const CompletionRequest& request, const AnswerContext& context, const Answer& answer) {
  ResponsesStream stream(request, context);
  const Choice& choice = answer.choices().front();
  for (const AnswerPart& part : choice.parts) {
    if (part.is_call) {
      stream.events(ToolCallBegun{.name = part.name});
      stream.events(ArgumentsDelta{.text = part.text});
      continue;
    }
    stream.events(LogprobsDelta{.tokens = part.logprobs});
    stream.events(TextDelta{.text = part.text});
  }
  stream.events(choice.end);
  stream.events(AnswerFinished{.usage = answer.usage()});
  return *stream.response();
}

std::unique_ptr<StreamWriter> stream_responses(const CompletionRequest& request, AnswerContext context) {
  return std::make_unique<ResponsesStream>(request, std::move(context));
}

}  // namespace paddock::server::writing
