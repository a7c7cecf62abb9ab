// SPDX-License-Identifier: Apache-2.0
#pragma once
// Conversations to the text and ids that a model was trained on, in the format that its checkpoint carries.

#include "base/json.h"
#include "base/result.h"
#include "cli/model_text.h"
#include "text/chat_template.h"
#include "text/rendered.h"

namespace paddock::cli {

// The chat template of a model: the metadata of a GGUF file, else the files that Hugging Face keeps beside
// tokenizer.json, else Llama 4's own format, for models that have its tokens.
Result<text::ChatTemplate> read_chat_template(const ModelText& text);

// Whether a conversation is tidied first into what templates expect (text/chat_messages.h).
enum class Tidying { kNormalise, kAsGiven };

// `conversation`: {"messages": […], "tools": …, "add_generation_prompt": …} or the messages alone.
Result<text::RenderedText> render_conversation(const text::ChatTemplate& chat_template, const Json& conversation,
                                               Tidying tidying = Tidying::kNormalise);

}  // namespace paddock::cli
