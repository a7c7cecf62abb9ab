// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "server/api/write_dialects.h"

namespace paddock::server::writing {
namespace {

const char* stop_reason(const ChoiceFinished& end, bool has_calls) {
  using Reason = ChoiceFinished::Reason;
  if (end.reason == Reason::kLength) return "max_tokens";
  if (end.reason == Reason::kContextFull) return "model_context_window_exceeded";
  if (end.stop_string) return "stop_sequence";
  return has_calls ? "tool_use" : "end_turn";
}

Json stop_sequence(const ChoiceFinished& end) { return end.stop_string ? Json(*end.stop_string) : Json(nullptr); }

// Tokens that were computed before are not among input_tokens here.
Json messages_usage(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.output_tokens}};
}

Json message_usage(const Usage& usage) {
  Json told = messages_usage(usage);
  told["service_tier"] = "standard";
  return told;
}

// An object, as clients expect, also where the arguments were cut short or the model wrote no JSON.
Json input_of(const std::string& arguments) {
  if (arguments.empty()) return Json::object();
  auto parsed = parse_json(arguments, "arguments");
  if (parsed && parsed->is_object()) return std::move(*parsed);
  return {{"INVALID_JSON", arguments}};
}

Json message_frame(const AnswerContext& context) {
  return {{"id", context.id},         {"type", "message"},      {"role", "assistant"},     {"model", context.model},
          {"content", Json::array()}, {"stop_reason", nullptr}, {"stop_sequence", nullptr}};
}

class MessagesStream : public EventWriter {
 public:
  using EventWriter::EventWriter;

  ServerSentEvent keep_alive() const override { return {"ping", R"({"type":"ping"})"}; }

 private:
  enum class Block : uint8_t { kNone, kText, kCall };

  void on(const AnswerStarted& started) override { start(started.usage); }

  void on(const TextDelta& delta) override {
    if (delta.text.empty()) return;
    if (block_ != Block::kText) open(Block::kText, {{"type", "text"}, {"text", ""}});
    send_delta({{"type", "text_delta"}, {"text", delta.text}});
  }

  void on(const ToolCallBegun& call) override {
    has_calls_ = true;
    open(Block::kCall, {{"type", "tool_use"},
                        {"id", context_.identifiers.make("toolu_")},
                        {"name", call.name},
                        {"input", Json::object()}});
  }

  void on(const ArgumentsDelta& delta) override {
    if (block_ == Block::kCall && !delta.text.empty())
      send_delta({{"type", "input_json_delta"}, {"partial_json", delta.text}});
  }

  void on(const ToolCallEnded&) override { close(); }

  void on(const ChoiceFinished& end) override {
    start({});
    close();
    end_ = end;
  }

  void on(const AnswerFinished& end) override {
    send("message_delta",
         {{"type", "message_delta"},
          {"delta", {{"stop_reason", stop_reason(end_, has_calls_)}, {"stop_sequence", stop_sequence(end_)}}},
          {"usage", messages_usage(end.usage)}});
    send("message_stop", {{"type", "message_stop"}});
  }

  void fail(const ApiError& error) override { send("error", anthropic_error(error, context_.request_id)); }

  void start(const Usage& usage) {
    if (std::exchange(has_started_, true)) return;
    Json message = message_frame(context_);
    message["usage"] = message_usage(usage);
    send("message_start", {{"type", "message_start"}, {"message", std::move(message)}});
  }

  void open(Block block, Json content) {
    start({});
    close();
    block_ = block;
    send("content_block_start",
         {{"type", "content_block_start"}, {"index", index_}, {"content_block", std::move(content)}});
  }

  void send_delta(Json delta) {
    send("content_block_delta", {{"type", "content_block_delta"}, {"index", index_}, {"delta", std::move(delta)}});
  }

  void close() {
    if (std::exchange(block_, Block::kNone) == Block::kNone) return;
    send("content_block_stop", {{"type", "content_block_stop"}, {"index", index_++}});
  }

  bool has_started_ = false;
  bool has_calls_ = false;
  Block block_ = Block::kNone;
  int index_ = 0;
  ChoiceFinished end_;
};

}  // namespace

Json write_messages(const CompletionRequest&, const AnswerContext& context, const Answer& answer) {
  const Choice& choice = answer.choices().front();
  Json message = message_frame(context);
  for (const AnswerPart& part : choice.parts) {
    if (part.is_call)
      message["content"].push_back(
          {{"type", "tool_use"}, {"id", part.call_id}, {"name", part.name}, {"input", input_of(part.text)}});
    else if (!part.text.empty())
      message["content"].push_back({{"type", "text"}, {"text", part.text}});
  }
  message["stop_reason"] = stop_reason(choice.end, choice.has_calls());
  message["stop_sequence"] = stop_sequence(choice.end);
  message["usage"] = message_usage(answer.usage());
  return message;
}

std::unique_ptr<StreamWriter> stream_messages(const CompletionRequest& request, AnswerContext context) {
  return std::make_unique<MessagesStream>(request, std::move(context));
}

}  // namespace paddock::server::writing
