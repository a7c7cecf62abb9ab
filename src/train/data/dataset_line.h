// SPDX-License-Identifier: Apache-2.0
#pragma once
// One line of a JSONL file of training data, in any of the shapes that people have.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/result.h"

namespace paddock::train {

// What the assistant is to learn to say is marked by message: of {"weight": 0} nothing.
struct ChatExample {
  Json conversation;             // {"messages": […], "tools": […]}
  std::vector<bool> is_trained;  // by message; true for the assistant's alone
};

// "text", and "prompt" with "completion" where the prompt is to be read and not learned.
struct TextExample {
  std::string prompt, text;
};

struct PreferenceExample {
  ChatExample chosen, rejected;  // differ in what follows the prompt, which alone is trained
};

// Of these:
//   {"text": "…"}, {"prompt": "…", "completion": "…"}
// An error says what was expected and found; it names no line.
Result<TextExample> read_text_line(std::string_view line);

// Of these, told apart by their keys:
//   OpenAI    {"messages": [{"role", "content", "tool_calls", …}], "tools": […]}
//   ShareGPT  {"conversations": [{"from": "human", "value": "…"}], "system": "…", "tools": […]}
//   Alpaca    {"instruction": "…", "input": "…", "output": "…", "system": "…", "history": [["…", "…"]]}
//   TRL       {"prompt": […] or "…", "completion": […] or "…"}
// At least one message of the assistant has to be there.
Result<ChatExample> read_chat_line(std::string_view line);

// Of these, the prompt and both answers as texts or lists of messages:
//   TRL       {"prompt", "chosen", "rejected"}; without a prompt both begin with the same messages
//   OpenAI    {"input": {"messages", "tools"}, "preferred_output": […], "non_preferred_output": […]}
Result<PreferenceExample> read_preference_line(std::string_view line);

}  // namespace paddock::train
