// SPDX-License-Identifier: Apache-2.0
#pragma once
// The chat format of Llama 4, for checkpoints that carry no template.

#include <string_view>

namespace paddock::text {

// A template that prints what the published checkpoints' own prints. Its variables are theirs too: tools, custom_tools,
// tools_in_user_message, add_generation_prompt, bos_token.
std::string_view llama4_chat_template();

}  // namespace paddock::text
