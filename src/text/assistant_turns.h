// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which tokens of a conversation a model in training learns to say: those of the assistant, each with the token that
// ends its turn.

#include <cstdint>
#include <span>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace paddock::text {

struct TaughtConversation {
  std::vector<TokenId> tokens;
  std::vector<int32_t>
      said_in;  // of each token: the assistant's message that it belongs to, below 0 where there is none
};

// Rendered and encoded as a server does it: what stands before an answer is encoded without it, so that the model in
// training begins its answers behind the tokens behind which it will begin them. An assistant's turn is what the
// conversation up to it has more than the same with only the beginning of an answer: not its header, and not what the
// template writes behind the stop token. Works with every template that renders a longer conversation as a longer text;
// others are refused. `source` names the conversation in errors, `stop_tokens` are the model's.
Result<TaughtConversation> teach_conversation(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                              std::span<const TokenId> stop_tokens, const Json& conversation,
                                              const std::string& source);

}  // namespace paddock::text
