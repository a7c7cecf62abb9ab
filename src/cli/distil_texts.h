// SPDX-License-Identifier: Apache-2.0
#pragma once
// The texts of a distillation record, one after another from their files, always in the same order.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/open_model.h"
#include "cli/prompt.h"
#include "distil/teacher/teacher.h"

namespace paddock::cli {

class DistilTexts {
 public:
  virtual ~DistilTexts() = default;
  // Missing at the end.
  virtual Result<std::optional<distil::Text>> next() = 0;
  // Of the files' bytes, 0 to 1.
  virtual double share_read() const = 0;
  // That ended beyond the greatest length and were cut.
  virtual int64_t cut() const { return 0; }
};

// Pieces of up to `length` tokens of each file, all of them taught. Each begins with the begin-of-text token where the
// tokenizer says so: a student reads what the teacher read.
Result<std::unique_ptr<DistilTexts>> plain_texts(const std::vector<std::string>& files, const OpenModel& open,
                                                 const PromptOptions& encoding, int64_t length);

// Conversations, one in each line: {"messages": […]} and what templates know beside it. The assistant's tokens are
// taught. Longer ones are cut. `student` may be null; otherwise its template writes what it reads, and one under which
// the taught tokens are others is refused.
Result<std::unique_ptr<DistilTexts>> conversations(const std::string& file, const OpenModel& open,
                                                   const OpenModel* student, int64_t length);

// Prompts, one in each line: {"messages": […]} up to where the answer begins, or {"prompt": "text"}; each `times`
// times one after another. Nothing is taught. Refused: those that leave no room for an answer.
Result<std::unique_ptr<DistilTexts>> prompts(const std::string& file, const OpenModel& open,
                                             const PromptOptions& encoding, int64_t length, int64_t times);

// Name, bytes and SHA-256 of each file.
Result<Json> describe_files(const std::vector<std::string>& files);

}  // namespace paddock::cli
