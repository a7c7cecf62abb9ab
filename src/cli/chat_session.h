// SPDX-License-Identifier: Apache-2.0
#pragma once
// A chat: what a line of the person does, be it a message or a command.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/answer.h"
#include "cli/chat_format.h"
#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/open_model.h"
#include "engine/engine.h"

namespace paddock::cli {

struct ChatSettings {
  engine::SamplingParameters sampling;  // each answer draws from a stream of its own, seeded with seed + its number
  int64_t max_tokens = -1;              // of an answer; -1: as many as the context holds
  bool show_special = false;
  bool quiet = false;
  std::shared_ptr<const llama4::Adapter> adapter;  // null: the model as it is
};

class ChatSession {
 public:
  // All must outlive the session. `reader` null: the model sees no pictures.
  ChatSession(const OpenModel& open, const text::ChatTemplate& chat_template, engine::Engine& engine,
              prompt::PictureReader* reader, InterruptWatch& watch, ChatSettings settings, Conversation conversation)
      : open_(open),
        chat_template_(chat_template),
        engine_(engine),
        reader_(reader),
        watch_(watch),
        settings_(std::move(settings)),
        conversation_(std::move(conversation)) {}

  // Does what the line says and tells what went wrong. False: the person wants to leave. An error is one that ends the
  // chat: nobody reads the answers any more.
  Result<bool> hear(const std::string& line);

 private:
  // Commands, by their first word. What they tell of is on standard error; their errors do not end the chat.
  Result<void> command(std::string_view name, std::string_view argument);
  Result<void> change_params(std::string_view assignments);
  void show_params() const;

  Result<void> attach(std::string_view path);
  Result<void> message(const std::string& text);
  Result<prompt::PicturedPrompt> prompt() const;
  Result<void> reply(prompt::PicturedPrompt prompt);

  const OpenModel& open_;
  const text::ChatTemplate& chat_template_;
  engine::Engine& engine_;
  prompt::PictureReader* reader_;
  InterruptWatch& watch_;
  ChatSettings settings_;
  Conversation conversation_;
  std::vector<std::string> images_;  // paths, for the next message
  uint64_t answers_ = 0;
};

}  // namespace paddock::cli
