// SPDX-License-Identifier: Apache-2.0
#pragma once
// Meta's reference tokenizer cuts text before it looks for pieces; checkpoints in its form were trained on such ids.

#include <functional>
#include <string_view>

namespace paddock::text {

// Characters, not bytes. "Space" here is Python's str.isspace, which has U+001C to U+001F beyond \s.
constexpr size_t kLongestText = 400'000;
constexpr size_t kLongestRun = 25'000;

// Hands on the parts of `text` (valid UTF-8) in order: cut after every kLongestText characters, and inside such a part
// where a run of spaces, or of anything else, would grow beyond kLongestRun.
void cut_long_runs(std::string_view text, const std::function<void(std::string_view part)>& sink);

}  // namespace paddock::text
