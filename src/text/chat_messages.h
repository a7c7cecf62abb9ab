// SPDX-License-Identifier: Apache-2.0
#pragma once
// A conversation as clients send it, checked, and tidied into what chat templates expect.

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace paddock::text {

// What a template can do with, as its source shows.
struct TemplateTraits {
  bool knows_parts = true;            // content that is a list of parts; else texts alone
  bool knows_developer = false;       // the role developer
  bool tools_in_user_message = true;  // has that variable: tools go into the first user message unless it is false
  bool knows_calls = true;            // the key tool_calls; else they become text

  static TemplateTraits of(std::string_view source);
};

// `conversation`: {"messages": [{"role", "content", …}, …], "tools": […] or null, "documents": […] or null,
// "add_generation_prompt": bool, and any other variable of the template}. An error names the entry that is wrong.
Result<void> check_conversation(const Json& conversation);

// Removes the traps that templates set for what clients send:
// - keys that are null and empty tool_calls go; no tools are null, not an empty list;
// - arguments of a call that are the text of a JSON object become that object;
// - the parts image_url and input_image become {"type": "image"}, input_text and output_text become text;
// - lists of texts are joined in system and tool messages, and in all messages where the template knows no parts;
// - calls become text where the template knows content alone;
// - the role developer becomes system unless the template knows it;
// - a message's reasoning gets the names that templates read it by: reasoning_content and thinking;
// - where tools go into the first user message, its texts are joined; with an image in it they go into the system
// message
//   instead, which is added, empty, where there is none.
// Checks the conversation first.
Result<Json> normalise_conversation(const Json& conversation, const TemplateTraits& traits);

}  // namespace paddock::text
