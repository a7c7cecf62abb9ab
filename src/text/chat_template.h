// SPDX-License-Identifier: Apache-2.0
#pragma once
// Conversations to text: the checkpoint's own chat template, or the built-in format of Llama 4 where it has none.

#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "text/chat_messages.h"
#include "text/chat_source.h"
#include "text/jinja/template.h"
#include "text/rendered.h"

namespace paddock::text {

// Parse what comes from outside with JsonLimits::exact_integers, so that templates print the integers that were sent.
// Immutable; any threads may render with it at once.
class ChatTemplate {
 public:
  // Parses every template of the source; a mistake in one is an error with its line. Without any, the format of
  // Llama 4.
  static Result<ChatTemplate> create(ChatSource source);

  // The text that the model reads, with the parts that messages, tools and other variables gave marked as not from the
  // template. Normalises the conversation (chat_messages.h) first. "add_generation_prompt" is true where it is missing.
  // `options`: limits and clock; the checkpoint's tokens are trusted besides what it names.
  Result<RenderedText> render(const Json& conversation, const jinja::RenderOptions& options = {}) const;

  // The same without normalising: what the template makes of the conversation as it stands.
  Result<RenderedText> render_as_given(const Json& conversation, const jinja::RenderOptions& options = {}) const;

  bool is_built_in() const { return is_built_in_; }

 private:
  struct Parsed {
    jinja::Template program;
    TemplateTraits traits;
  };

  ChatTemplate() = default;
  // "tool_use" for a conversation with tools, where there is one, else "default".
  Result<const Parsed*> choose(const Json& conversation) const;
  Result<RenderedText> run(const Parsed& parsed, const Json& conversation, const jinja::RenderOptions& options) const;

  std::map<std::string, Parsed> templates_;
  std::map<std::string, std::string> tokens_;
  bool is_built_in_ = false;
};

}  // namespace paddock::text
