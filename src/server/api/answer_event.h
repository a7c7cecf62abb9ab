// SPDX-License-Identifier: Apache-2.0
#pragma once
// What becomes of a request, piece by piece, whatever dialect it will be told in.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace paddock::server {

struct Usage {
  int64_t prompt_tokens = 0;  // the ones below among them; of one prompt, however many answers it has
  int64_t cached_tokens = 0;  // of the prompt, the ones that were computed before
  int64_t output_tokens = 0;  // of all answers
};

struct TokenChance {
  std::string bytes;   // of the token; a token may hold a part of a character
  double logprob = 0;  // natural logarithm
};

struct TokenLogprob {
  TokenChance chosen;
  std::vector<TokenChance> best;  // most likely first
};

// Before the others of a request, once its prompt is known. May be left out; message_start then counts no tokens.
struct AnswerStarted {
  Usage usage;
};

// Events of one answer: text and calls in the order of the model. `choice` counts the answers of a request.
struct TextDelta {
  int choice = 0;
  std::string text;  // whole characters
};

// Come before the text of their tokens.
struct LogprobsDelta {
  int choice = 0;
  std::vector<TokenLogprob> tokens;
};

struct ToolCallBegun {
  int choice = 0;
  std::string name;
};

struct ArgumentsDelta {
  int choice = 0;
  std::string text;  // a piece of a JSON object
};

struct ToolCallEnded {
  int choice = 0;
};

struct ChoiceFinished {
  enum class Reason : uint8_t {
    kStop,         // the model ended its turn, or a stop string came
    kLength,       // max_tokens
    kContextFull,  // the model's context
    kToolCalls,    // the model ended its turn with calls
    kCancelled,    // the client went away or the deadline passed
    kError,        // logits that are no numbers: the answer so far is not to be trusted
  };

  int choice = 0;
  Reason reason = Reason::kStop;
  std::optional<std::string> stop_string;  // the one that came
};

// After the last answer has finished.
struct AnswerFinished {
  Usage usage;
};

using AnswerEvent = std::variant<AnswerStarted, TextDelta, LogprobsDelta, ToolCallBegun, ArgumentsDelta, ToolCallEnded,
                                 ChoiceFinished, AnswerFinished>;

}  // namespace paddock::server
