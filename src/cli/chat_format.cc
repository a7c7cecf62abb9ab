// SPDX-License-Identifier: Apache-2.0
#include "cli/chat_format.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"

namespace paddock::cli {

Result<text::ChatTemplate> read_chat_template(const ModelText& text) {
  text::ChatSource source = text.chat;
  if (source.templates.empty()) {
    text::ChatSource files = TRY(text::load_chat_source(text.folder));
    source.templates = std::move(files.templates);
    source.tokens.merge(files.tokens);
  }
  if (text.tokenizer && text.tokenizer->bos())
    source.tokens.try_emplace("bos_token", text.tokenizer->token_bytes(*text.tokenizer->bos()));
  auto chat_template = TRY(text::ChatTemplate::create(std::move(source)));
  if (!chat_template.is_built_in()) return chat_template;
  if (!text.tokenizer || !text.tokenizer->id_of_special("<|header_start|>"))
    return error(ErrorCode::kUnsupported,
                 "{}: expected a chat template or the special tokens of Llama 4, found neither; put the model's "
                 "chat_template.jinja beside it, or continue plain text with `paddock run`",
                 text.folder.string());
  log_info("chat template: none in the checkpoint; Llama 4's own format is used");
  return chat_template;
}

Result<text::RenderedText> render_conversation(const text::ChatTemplate& chat_template, const Json& conversation,
                                               Tidying tidying) {
  const Json whole = conversation.is_array() ? Json{{"messages", conversation}} : conversation;
  return tidying == Tidying::kNormalise ? chat_template.render(whole) : chat_template.render_as_given(whole);
}

}  // namespace paddock::cli
