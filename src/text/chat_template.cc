// SPDX-License-Identifier: Apache-2.0
#include "text/chat_template.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "text/chat_llama4.h"

namespace paddock::text {
namespace {

bool has_tools(const Json& conversation) {
  const auto tools = conversation.find("tools");
  return tools != conversation.end() && tools->is_array() && !tools->empty();
}

}  // namespace

Result<ChatTemplate> ChatTemplate::create(ChatSource source) {
  ChatTemplate chat;
  chat.is_built_in_ = source.templates.empty();
  if (chat.is_built_in_) source.templates["default"] = llama4_chat_template();
  for (const auto& [name, text] : source.templates) {
    const std::string title = name == "default" ? "chat template" : fmt::format("chat template \"{}\"", name);
    chat.templates_.emplace(name, Parsed{TRY(jinja::Template::parse(text, title)), TemplateTraits::of(text)});
  }
  chat.tokens_ = std::move(source.tokens);
  return chat;
}

Result<const ChatTemplate::Parsed*> ChatTemplate::choose(const Json& conversation) const {
  if (has_tools(conversation))
    if (const auto found = templates_.find("tool_use"); found != templates_.end()) return &found->second;
  if (const auto found = templates_.find("default"); found != templates_.end()) return &found->second;
  if (templates_.size() == 1) return &templates_.begin()->second;
  return error(ErrorCode::kUnsupported,
               "the checkpoint has {} chat templates and none named \"default\"; the first is \"{}\"",
               templates_.size(), templates_.begin()->first);
}

Result<RenderedText> ChatTemplate::render(const Json& conversation, const jinja::RenderOptions& options) const {
  TRY_VOID(check_conversation(conversation));
  const Parsed& parsed = *TRY(choose(conversation));
  return run(parsed, TRY(normalise_conversation(conversation, parsed.traits)), options);
}

Result<RenderedText> ChatTemplate::render_as_given(const Json& conversation,
                                                   const jinja::RenderOptions& options) const {
  TRY_VOID(check_conversation(conversation));
  return run(*TRY(choose(conversation)), conversation, options);
}

Result<RenderedText> ChatTemplate::run(const Parsed& parsed, const Json& conversation,
                                       const jinja::RenderOptions& options) const {
  Json context = conversation;
  jinja::RenderOptions trusting = options;
  for (const auto& [name, text] : tokens_) {
    if (context.contains(name)) continue;  // a variable of the request is not the checkpoint's, whatever its name
    context[name] = text;
    trusting.trusted.insert(name);
  }
  // Templates ask whether these are none, not whether they are defined.
  for (const char* name : {"tools", "documents"})
    if (!context.contains(name)) context[name] = nullptr;
  if (!context.contains("add_generation_prompt")) context["add_generation_prompt"] = true;
  return parsed.program.render(context, trusting);
}

}  // namespace paddock::text
