// SPDX-License-Identifier: Apache-2.0
#include "text/split.h"

#include "text/patterns.h"
#include "text/regex_split.h"

namespace paddock::text {
namespace {

template <typename PieceEnd>
void each_piece(std::string_view text, const Splitter::Sink& sink, PieceEnd piece_end) {
  const ClassifiedText classified(text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = piece_end(classified, begin);
    sink(text.substr(begin, end - begin));
    begin = end;
  }
}

void split_once(const SplitStep& step, const RegexSplit* regex, std::string_view text, const Splitter::Sink& sink) {
  switch (step.kind) {
    case SplitKind::kO200k: return each_piece(text, sink, o200k_piece_end);
    case SplitKind::kLlama3:
      return each_piece(text, sink, [&](const ClassifiedText& classified, size_t begin) {
        return llama3_piece_end(classified, begin, step.max_digits);
      });
    case SplitKind::kGpt2: return each_piece(text, sink, gpt2_piece_end);
    case SplitKind::kSingleDigits: return each_piece(text, sink, single_digits_piece_end);
    case SplitKind::kDigitRuns: return each_piece(text, sink, digit_runs_piece_end);
    case SplitKind::kSpaceBefore: {
      if (text.starts_with(' ')) return sink(text);
      std::string spaced(1, ' ');
      spaced += text;
      return sink(spaced);
    }
    case SplitKind::kRegex:
      return regex->split(text, [&](std::string_view piece, bool is_match) {
        if (is_match ? step.keep_matches : step.keep_gaps) sink(piece);
      });
  }
}

}  // namespace

SplitStep split_step_of_pattern(std::string_view pattern) {
  if (pattern == kO200kPattern) return {.kind = SplitKind::kO200k};
  if (pattern == kLlama3Pattern) return {.kind = SplitKind::kLlama3, .max_digits = 3};
  if (pattern == kQwen2Pattern) return {.kind = SplitKind::kLlama3, .max_digits = 1};
  if (pattern == kGpt2Pattern) return {.kind = SplitKind::kGpt2};
  return {.kind = SplitKind::kRegex, .pattern = std::string(pattern)};
}

Result<Splitter> Splitter::create(std::vector<SplitStep> steps) {
  Splitter splitter;
  for (const SplitStep& step : steps) {
    std::shared_ptr<const RegexSplit> regex;
    if (step.kind == SplitKind::kRegex) regex = TRY(RegexSplit::compile(step.pattern, step.is_literal));
    splitter.regexes_.push_back(std::move(regex));
  }
  splitter.steps_ = std::move(steps);
  return splitter;
}

void Splitter::split(std::string_view text, const Sink& sink) const {
  if (!text.empty()) run(0, text, sink);
}

void Splitter::run(size_t step, std::string_view text, const Sink& sink) const {
  if (step == steps_.size()) return sink(text);
  if (step + 1 == steps_.size()) return split_once(steps_[step], regexes_[step].get(), text, sink);
  split_once(steps_[step], regexes_[step].get(), text, [&](std::string_view piece) { run(step + 1, piece, sink); });
}

}  // namespace paddock::text
