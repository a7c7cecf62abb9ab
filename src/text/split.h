// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text to pieces: what byte pair encoding treats one at a time and never merges across.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paddock::text {

enum class SplitKind {
  kO200k,         // patterns.h
  kLlama3,        // patterns.h, `max_digits`
  kGpt2,          // patterns.h
  kSingleDigits,  // each digit alone, runs of anything else whole
  kDigitRuns,     // digits and anything else apart
  kSpaceBefore,   // a space is put before a piece that does not begin with one
  kRegex,         // any other `pattern`, run by PCRE2
};

// One cut through the text; a tokenizer has a list of them, each splitting the pieces of the one before.
struct SplitStep {
  SplitKind kind = SplitKind::kGpt2;
  int max_digits = 3;
  std::string pattern = {};  // for kRegex
  bool is_literal = false;   // `pattern` is the text itself, not a regular expression
  bool keep_matches = true;  // pieces that the pattern matches
  bool keep_gaps = true;     // pieces between them
};

// The step for a pattern of a tokenizer file: by hand where patterns.h has it, by PCRE2 otherwise.
SplitStep split_step_of_pattern(std::string_view pattern);

class RegexSplit;

// Immutable and thread-safe; copies share compiled patterns.
class Splitter {
 public:
  using Sink = std::function<void(std::string_view piece)>;

  // Refuses a pattern that PCRE2 cannot compile, with its reason.
  static Result<Splitter> create(std::vector<SplitStep> steps);

  // Hands the pieces of `text`, which must be valid UTF-8, to `sink` in order; none is empty. A piece is valid only
  // during the call. A regular expression that runs into its limit of work leaves the rest of its text as one piece.
  void split(std::string_view text, const Sink& sink) const;

 private:
  Splitter() = default;
  void run(size_t step, std::string_view text, const Sink& sink) const;

  std::vector<SplitStep> steps_;
  std::vector<std::shared_ptr<const RegexSplit>> regexes_;  // parallel to steps_; null for those matched by hand
};

}  // namespace paddock::text
