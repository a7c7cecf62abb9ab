// SPDX-License-Identifier: Apache-2.0
#include "server/audit/chain_checker.h"

#include <fmt/core.h>

#include <algorithm>

namespace paddock::server::audit {
namespace {

std::string records_text(int64_t first, int64_t last) {
  return first == last ? fmt::format("record {} is", first) : fmt::format("records {} to {} are", first, last);
}

}  // namespace

std::string_view name_of(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kChanged: return "changed";
    case Finding::Kind::kReplaced: return "replaced";
    case Finding::Kind::kMissing: return "missing";
    case Finding::Kind::kCutOff: return "cut off";
    case Finding::Kind::kInserted: return "inserted";
    case Finding::Kind::kReordered: return "reordered";
    case Finding::Kind::kTorn: return "torn";
    case Finding::Kind::kHead: return "head";
  }
  return "";
}

template <typename... Args>
void ChainChecker::found(Finding::Kind kind, int64_t sequence, fmt::format_string<Args...> format, Args&&... args) {
  if (findings_.size() < kMostFindings)
    findings_.push_back({kind, sequence, fmt::format(format, std::forward<Args>(args)...)});
  else
    ++left_out_;
}

void ChainChecker::feed(std::string_view line, const std::string& place) {
  const auto link = read_link(line);
  if (!link || !link->is_intact) {
    feed_oversized(place);
    return;
  }
  ++records_;
  if (wanted_ && link->hash == *wanted_) wanted_at_ = link->sequence;
  const Placed record{*link, place};
  if (suspect_) {
    // When this one continues what was before the suspect, the suspect does not belong there.
    if (continues_chain(*link) && bad_lines_ == 0) {
      if (out_of_place_.size() < kMostFindings)
        out_of_place_.push_back(std::move(*suspect_));
      else
        ++left_out_;
      suspect_.reset();
    } else {
      take_suspect();
    }
  }
  const bool is_first = !has_begun_ && begins_anywhere_;
  if (is_first || bad_lines_ > 0 || continues_chain(*link) || link->sequence <= last_.sequence)
    take(record);
  else
    suspect_ = record;
}

void ChainChecker::feed_oversized(const std::string& place) {
  if (suspect_) take_suspect();
  if (bad_places_.size() < kMostFindings) bad_places_.push_back(place);
  ++bad_lines_;
}

bool ChainChecker::continues_chain(const ReadLink& link) const {
  return link.sequence == last_.sequence + 1 && link.previous == last_.hash;
}

void ChainChecker::take_suspect() {
  const Placed record = std::move(*suspect_);
  suspect_.reset();
  take(record);
}

// Joins an intact record to the chain, and says what lies between.
void ChainChecker::take(const Placed& record) {
  const ReadLink& link = record.link;
  if (!has_begun_ && begins_anywhere_) last_.sequence = std::max<int64_t>(link.sequence - 1 - bad_lines_, 0);
  if (link.sequence <= last_.sequence) {
    if (out_of_place_.size() < kMostFindings)
      out_of_place_.push_back(record);
    else
      ++left_out_;
    return;
  }
  const int64_t gap = link.sequence - last_.sequence - 1;
  const bool is_free = !has_begun_ && begins_anywhere_;
  if (gap == 0 && link.previous != last_.hash && !is_free)
    found(Finding::Kind::kReplaced, link.sequence - 1,
          "record {} is not the one that record {} was chained to: it was written anew ({})", link.sequence - 1,
          link.sequence, record.place);
  settle_bad_lines(gap);
  has_begun_ = true;
  last_ = {link.sequence, link.hash};
  if (head_ && head_->sequence == link.sequence && head_->hash != link.hash)
    found(Finding::Kind::kReplaced, link.sequence,
          "record {} is not the one that the head file names: the log was written anew ({})", link.sequence,
          record.place);
}

// Damaged lines stand for as many of the records that lack between two intact ones; more lines than lack were put in.
void ChainChecker::settle_bad_lines(int64_t gap) {
  const int64_t changed = std::min(gap, bad_lines_);
  for (int64_t line = 0; line < bad_lines_; ++line) {
    if (static_cast<size_t>(line) >= bad_places_.size()) {
      left_out_ += static_cast<size_t>(bad_lines_ - line);
      break;
    }
    const std::string& place = bad_places_[static_cast<size_t>(line)];
    if (line < changed)
      found(Finding::Kind::kChanged, last_.sequence + 1 + line, "record {} is changed ({})", last_.sequence + 1 + line,
            place);
    else
      found(Finding::Kind::kInserted, last_.sequence + changed,
            "a line that is no record is inserted after record {} ({})", last_.sequence + changed, place);
  }
  if (gap > changed) note_missing(last_.sequence + changed + 1, last_.sequence + gap);
  bad_places_.clear();
  bad_lines_ = 0;
}

void ChainChecker::note_missing(int64_t first, int64_t last) {
  if (missing_.size() < kMostFindings)
    missing_.emplace_back(first, last);
  else
    ++left_out_;
}

// A record that lacks at its place and stands at another was moved.
void ChainChecker::find_moved() {
  for (const Placed& record : out_of_place_) {
    const int64_t sequence = record.link.sequence;
    const auto range = std::ranges::find_if(
        missing_, [&](const Range& each) { return sequence >= each.first && sequence <= each.second; });
    if (range == missing_.end()) {
      found(Finding::Kind::kInserted, sequence, "record {} is there twice, or was inserted ({})", sequence,
            record.place);
      continue;
    }
    found(Finding::Kind::kReordered, sequence, "record {} stands at another place than its own ({})", sequence,
          record.place);
    const Range whole = *range;
    missing_.erase(range);
    if (sequence > whole.first) missing_.emplace_back(whole.first, sequence - 1);
    if (sequence < whole.second) missing_.emplace_back(sequence + 1, whole.second);
  }
  for (const auto& [first, last] : missing_)
    found(Finding::Kind::kMissing, first, "{} missing", records_text(first, last));
}

void ChainChecker::compare_with_head() {
  if (!head_ || head_->sequence <= last_.sequence) return;
  const int64_t first = last_.sequence + 1;
  const bool has_moved =
      std::ranges::any_of(out_of_place_, [&](const Placed& record) { return record.link.sequence >= first; });
  if (has_moved) return note_missing(first, head_->sequence);
  found(Finding::Kind::kCutOff, first, "{} cut off: the log ends with record {}, and its head file names record {}",
        records_text(first, head_->sequence), last_.sequence, head_->sequence);
}

void ChainChecker::finish(size_t torn_bytes) {
  if (suspect_) take_suspect();
  // As if the records behind were there; beyond the head there are none.
  const int64_t bad_at_end = head_ ? std::clamp<int64_t>(head_->sequence - last_.sequence, 0, bad_lines_) : bad_lines_;
  settle_bad_lines(bad_at_end);
  const Link intact = last_;
  last_.sequence += bad_at_end;
  compare_with_head();
  find_moved();
  last_ = intact;
  if (torn_bytes > 0)
    found(Finding::Kind::kTorn, last_.sequence + 1,
          "{} bytes after record {} are not a whole record: its writer was stopped, or the file was cut", torn_bytes,
          last_.sequence);
  std::ranges::stable_sort(findings_, {}, &Finding::sequence);
}

}  // namespace paddock::server::audit
