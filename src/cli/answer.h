// SPDX-License-Identifier: Apache-2.0
#pragma once
// One request to the engine and its answer, as text while it comes.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/interrupt.h"
#include "engine/engine.h"
#include "text/tokenizer.h"

namespace paddock::cli {

struct Question {
  engine::Request request;           // its listener is answer()'s own
  const text::Tokenizer* tokenizer;  // null: the answer is ids alone
  text::SpecialText special_text = text::SpecialText::kSkip;
  std::vector<std::string> stop_strings;                // end the answer and are not part of its text; need a tokenizer
  std::function<Result<void>(std::string_view)> write;  // gets text once it is certain; may be empty
  std::function<Result<void>(int32_t)> write_token;     // gets every token; may be empty
};

struct Answer {
  engine::RequestId request = 0;
  std::vector<int32_t> tokens;  // with the one that ended it
  std::vector<engine::LogProbabilities> logprobs;
  std::string text;
  engine::FinishReason finish_reason = engine::FinishReason::kStop;
  int64_t prompt_tokens = 0;
  int64_t prompt_reused = 0;   // of these, not computed again
  double prefill_seconds = 0;  // to the first token
  double decode_seconds = 0;   // from there to the last

  double prefill_tokens_per_second() const;
  double decode_tokens_per_second() const;  // of the tokens after the first
};

// Runs the engine until the answer is complete or `watch` sees an interrupt. An error of a sink ends it.
Result<Answer> answer(engine::Engine& engine, Question question, const InterruptWatch& watch);

// "prompt 31 tokens, 120.5/s, 12 more were kept; answer 17 tokens, 31.2/s"
std::string speed_line(const Answer& answer);

}  // namespace paddock::cli
