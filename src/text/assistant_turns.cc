// SPDX-License-Identifier: Apache-2.0
#include "text/assistant_turns.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace paddock::text {
namespace {

// The first `messages` of a conversation with all that stands beside them.
Json beginning_of(const Json& conversation, size_t messages, bool with_answer_begun) {
  Json beginning = conversation;
  Json& list = beginning["messages"];
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(messages), list.end());
  beginning["add_generation_prompt"] = with_answer_begun;
  return beginning;
}

std::string text_of(const RenderedText& rendered) {
  std::string text;
  for (const RenderedSpan& span : rendered) text += span.text;
  return text;
}

size_t common_length(const std::vector<TokenId>& one, const std::vector<TokenId>& other) {
  return static_cast<size_t>(std::ranges::mismatch(one, other).in1 - one.begin());
}

}  // namespace

Result<TaughtConversation> teach_conversation(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                              std::span<const TokenId> stop_tokens, const Json& conversation,
                                              const std::string& source) {
  if (const auto valid = check_conversation(conversation); !valid)
    return error(valid.error().code, "{}: {}", source, valid.error().message);
  const auto render = [&](size_t messages, bool with_answer_begun) {
    return chat_template.render(beginning_of(conversation, messages, with_answer_begun));
  };
  const Json& messages = conversation.at("messages");
  const RenderedText whole = TRY(render(messages.size(), false));
  const std::string whole_text = text_of(whole);
  TaughtConversation result;
  result.tokens = tokenizer.encode(whole);
  result.said_in.assign(result.tokens.size(), -1);
  for (size_t index = 0; index < messages.size(); ++index) {
    if (messages[index].value("role", "") != "assistant") continue;
    const RenderedText before = TRY(render(index, true)), with = TRY(render(index + 1, false));
    if (!text_of(with).starts_with(text_of(before)) || !whole_text.starts_with(text_of(with)))
      return error(ErrorCode::kUnsupported,
                   "{}: message {}: expected a chat template that renders the beginning of a conversation as the "
                   "beginning of its text, so that the assistant's tokens are known; found one that does not",
                   source, index);
    // Where the text goes on with what makes one token with its end, that token is the assistant's.
    const size_t begin = common_length(result.tokens, tokenizer.encode(before));
    const size_t behind = common_length(result.tokens, tokenizer.encode(with));
    size_t end = behind;
    while (end > begin && std::ranges::find(stop_tokens, result.tokens[end - 1]) == stop_tokens.end()) --end;
    if (end == begin) end = behind;  // no stop token: all of it is the turn
    std::fill(result.said_in.begin() + static_cast<std::ptrdiff_t>(begin),
              result.said_in.begin() + static_cast<std::ptrdiff_t>(end), static_cast<int32_t>(index));
  }
  return result;
}

}  // namespace paddock::text
