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

// Spans of the bytes [begin, end) of the text.
RenderedText part_of(const RenderedText& rendered, size_t begin, size_t end) {
  RenderedText part;
  size_t at = 0;
  for (const RenderedSpan& span : rendered) {
    const size_t from = std::clamp(begin, at, at + span.text.size()), to = std::clamp(end, at, at + span.text.size());
    if (from < to) part.push_back({span.text.substr(from - at, to - from), span.from_template});
    at += span.text.size();
  }
  return part;
}

struct EncodedApart {
  std::vector<TokenId> tokens;
  std::vector<size_t> answers;  // the tokens that they begin with
};

// Tokens of the text as a server that answers has them: what stands before an answer was encoded without it. `answers`
// are the bytes where answers begin; those behind the text's end begin there.
EncodedApart encode_apart(const Tokenizer& tokenizer, const RenderedText& rendered,
                          const std::vector<size_t>& answers) {
  const size_t size = text_of(rendered).size();
  EncodedApart result;
  std::vector<TokenId>& tokens = result.tokens;
  size_t from = 0;
  const auto add_up_to = [&](size_t end) {
    const std::vector<TokenId> more = tokenizer.encode(part_of(rendered, from, end));
    tokens.insert(tokens.end(), more.begin(), more.end());
    from = end;
  };
  for (const size_t answer : answers) {
    add_up_to(std::min(answer, size));
    result.answers.push_back(tokens.size());
  }
  add_up_to(size);
  return result;
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
  struct Turn {
    size_t message;
    RenderedText with;
  };
  std::vector<Turn> turns;
  std::vector<size_t> answers;
  for (size_t index = 0; index < messages.size(); ++index) {
    if (messages[index].value("role", "") != "assistant") continue;
    Turn turn{index, TRY(render(index + 1, false))};
    const std::string before = text_of(TRY(render(index, true))), with = text_of(turn.with);
    if (!with.starts_with(before) || !whole_text.starts_with(with))
      return error(ErrorCode::kUnsupported,
                   "{}: message {}: expected a chat template that renders the beginning of a conversation as the "
                   "beginning of its text, so that the assistant's tokens are known; found one that does not",
                   source, index);
    answers.push_back(before.size());
    turns.push_back(std::move(turn));
  }
  TaughtConversation result;
  EncodedApart encoded = encode_apart(tokenizer, whole, answers);
  result.tokens = std::move(encoded.tokens);
  result.said_in.assign(result.tokens.size(), -1);
  for (size_t index = 0; index < turns.size(); ++index) {
    const Turn& turn = turns[index];
    const size_t begin = encoded.answers[index];
    // Where the text goes on with what makes one token with the turn's end, that token is the assistant's.
    const size_t behind = common_length(result.tokens, encode_apart(tokenizer, turn.with, answers).tokens);
    size_t end = behind;
    while (end > begin && std::ranges::find(stop_tokens, result.tokens[end - 1]) == stop_tokens.end()) --end;
    if (end == begin) end = behind;  // no stop token: all of it is the turn
    std::fill(result.said_in.begin() + static_cast<std::ptrdiff_t>(begin),
              result.said_in.begin() + static_cast<std::ptrdiff_t>(std::max(begin, end)),
              static_cast<int32_t>(turn.message));
  }
  return result;
}

}  // namespace paddock::text
