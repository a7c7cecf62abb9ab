// SPDX-License-Identifier: Apache-2.0
#include "cli/chat_session.h"

#include <charconv>
#include <cstdlib>
#include <utility>

#include "base/mapped_file.h"
#include "cli/console.h"
#include "cli/dropped_pictures.h"
#include "cli/sampling_options.h"
#include "cli/user_folders.h"
#include "engine/sampler.h"

namespace paddock::cli {
namespace {

constexpr std::string_view kHelp =
    "/help                 this list\n"
    "/system [TEXT]        start anew with this system message, or with none\n"
    "/reset                start anew; the system message stays\n"
    "/image FILE           show a picture with the next message; a file dropped into a line is one too\n"
    "/save FILE            write the conversation as JSON, which `paddock render` reads too\n"
    "/load FILE            go on from a conversation that was saved\n"
    "/params [NAME=VALUE]  show how answers are drawn, or change it\n"
    "/quit                 leave, as Ctrl-D does\n"
    "Ctrl-C stops an answer. A line that ends in a backslash goes on in the next.";

constexpr std::string_view kSpaces = " \t";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// The first word, which leaves the text.
std::string_view take_word(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find_first_of(kSpaces));
  *text = trimmed(text->substr(word.size()));
  return word;
}

template <typename Integer>
bool parse_integer(std::string_view text, Integer* value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), *value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

Result<void> set_param(std::string_view name, const std::string& value, ChatSettings* settings) {
  if (name == "seed") {
    if (parse_integer(value, &settings->sampling.seed)) return {};
    return error(ErrorCode::kInvalidArgument, "seed: expected a whole number from 0, found \"{}\"", value);
  }
  if (name == "max_tokens") {
    if (int64_t tokens; parse_integer(value, &tokens) && tokens >= -1)
      return settings->max_tokens = tokens, Result<void>();
    return error(ErrorCode::kInvalidArgument, "max_tokens: expected a whole number, -1 for no limit, found \"{}\"",
                 value);
  }
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0')
    return error(ErrorCode::kInvalidArgument, "{}: expected a number, found \"{}\"", name, value);
  return set_sampling(name, number, &settings->sampling);
}

}  // namespace

Result<bool> ChatSession::hear(const std::string& line) {
  std::string_view rest = trimmed(line);
  if (rest.empty()) return true;
  const DroppedFiles dropped = find_dropped_pictures(line);
  if (!dropped.pictures.empty()) {
    for (const std::string& path : dropped.pictures)
      if (const Result<void> seen = attach(path); !seen) {
        note_line(seen.error().message);
        return true;
      }
    if (!trimmed(dropped.text).empty()) TRY_VOID(message(dropped.text));
    return true;
  }
  if (!rest.starts_with('/')) {
    TRY_VOID(message(line));
    return true;
  }
  const std::string_view name = take_word(&rest);
  if (name == "/quit" || name == "/exit") return false;
  if (const Result<void> done = command(name, rest); !done) note_line(done.error().message);
  return true;
}

Result<void> ChatSession::command(std::string_view name, std::string_view argument) {
  if (name == "/help") {
    note_line(kHelp);
  } else if (name == "/system") {
    conversation_.reset(argument.empty() ? std::nullopt : std::optional(std::string(argument)));
    note_line(argument.empty() ? "A new conversation without a system message." : "A new conversation.");
  } else if (name == "/reset") {
    conversation_.reset();
    note_line("A new conversation.");
  } else if (name == "/image") {
    if (argument.empty())
      return error(ErrorCode::kInvalidArgument, "/image: expected the name of a picture's file, found none");
    TRY_VOID(attach(argument));
  } else if (name == "/save" || name == "/load") {
    if (argument.empty())
      return error(ErrorCode::kInvalidArgument, "{}: expected the name of a file, found none", name);
    const std::filesystem::path path = user_path(argument);
    if (name == "/save")
      TRY_VOID(conversation_.save(path));
    else
      conversation_ = TRY(Conversation::load(path));
    note("{} messages {} {}", conversation_.messages(), name == "/save" ? "written to" : "read from", path.string());
  } else if (name == "/params") {
    TRY_VOID(change_params(argument));
    show_params();
  } else {
    return error(ErrorCode::kInvalidArgument, "{}: no such command; /help lists them", name);
  }
  return {};
}

Result<void> ChatSession::change_params(std::string_view assignments) {
  ChatSettings changed = settings_;
  while (!assignments.empty()) {
    const std::string_view assignment = take_word(&assignments);
    const size_t equals = assignment.find('=');
    if (equals == std::string_view::npos)
      return error(ErrorCode::kInvalidArgument, "/params: expected NAME=VALUE, found \"{}\"", assignment);
    TRY_VOID(set_param(assignment.substr(0, equals), std::string(assignment.substr(equals + 1)), &changed));
  }
  TRY_VOID(engine::check_sampling(changed.sampling, open_.config.vocabulary));
  settings_ = std::move(changed);
  return {};
}

void ChatSession::show_params() const {
  std::string line;
  for (const std::string_view name : sampling_names())
    line += fmt::format("{}={} ", name, static_cast<float>(sampling_value(name, settings_.sampling)));
  note("{}seed={} max_tokens={}", line, settings_.sampling.seed, settings_.max_tokens);
}

// For the next message. What cannot be seen is told at once.
Result<void> ChatSession::attach(std::string_view path) {
  if (reader_ == nullptr)
    return error(ErrorCode::kUnsupported, "{}: expected a model that sees pictures, found {}, which reads text alone",
                 path, open_.path);
  const std::string file = TRY(read_text_file(user_path(path), reader_->limits().file.bytes));
  const auto seen = TRY(reader_->read_file(file, prompt::Detail::kTiles, reader_->limits(), path));
  images_.emplace_back(path);
  note("{}: {} x {} tiles, {} tokens; it goes with the next message", path, seen.grid.rows, seen.grid.columns,
       reader_->tokens().count(seen.grid));
  return {};
}

Result<prompt::PicturedPrompt> ChatSession::prompt() const {
  const auto rendered = TRY(render_conversation(chat_template_, conversation_.json()));
  return prompt::read_pictures(conversation_.json(), open_.text.tokenizer->encode(rendered), reader_,
                               reader_ == nullptr ? prompt::PictureLimits() : reader_->limits());
}

Result<void> ChatSession::message(const std::string& text) {
  const auto content = content_with_pictures(images_, text);
  images_.clear();
  if (!content) {
    note_line(content.error().message);
    return {};
  }
  conversation_.add("user", *content);
  auto prompt = this->prompt();
  if (!prompt) {
    conversation_.drop_last();
    note_line(prompt.error().message);
    return {};
  }
  const auto length = static_cast<int64_t>(prompt->tokens.size());
  if (length >= engine_.context()) {
    conversation_.drop_last();
    note(
        "With this message the conversation has {} tokens, but the context holds {}: nothing was lost; /save FILE "
        "keeps it, /reset starts anew.",
        length, engine_.context());
    return {};
  }
  return reply(std::move(*prompt));
}

Result<void> ChatSession::reply(prompt::PicturedPrompt prompt) {
  Question question;
  question.request.prompt = std::move(prompt.tokens);
  question.request.pictures = std::move(prompt.pictures);
  question.request.sampling = settings_.sampling;
  question.request.sampling.seed += answers_++;
  question.request.max_tokens = settings_.max_tokens;
  question.request.adapter = settings_.adapter;
  question.request.stop_tokens = open_.stop_tokens;
  question.tokenizer = &*open_.text.tokenizer;
  question.special_text = settings_.show_special ? text::SpecialText::kShow : text::SpecialText::kSkip;
  question.write = print;

  watch_.reset();
  const Answer result = TRY(answer(engine_, std::move(question), watch_));
  watch_.reset();
  TRY_VOID(print("\n"));
  if (result.text.empty() && result.finish_reason == engine::FinishReason::kCancelled)
    conversation_.drop_last();  // stopped before it began: as if nothing had been asked
  else
    conversation_.add("assistant", result.text);

  const int64_t used = result.prompt_tokens + static_cast<int64_t>(result.tokens.size());
  if (!settings_.quiet) note_aside(fmt::format("{}; context {} of {}", speed_line(result), used, engine_.context()));
  if (used >= engine_.context())
    note_line("The context is full: /save FILE keeps the conversation, /reset starts anew.");
  return {};
}

}  // namespace paddock::cli
