// SPDX-License-Identifier: Apache-2.0
#pragma once
// Follows the chain of records through lines in their order, and names every place where it is broken. Knows no files.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/audit/record.h"

namespace paddock::server::audit {

struct Finding {
  enum class Kind {
    kChanged,    // a record's bytes are not those it was written with
    kReplaced,   // records before it were written anew, with hashes that fit
    kMissing,    // records between others
    kCutOff,     // records at the end
    kInserted,   // a line that the chain does not need
    kReordered,  // a record at another place than its own
    kTorn,       // bytes without an end after the last record
    kHead,       // the head file, which names the last record
  };
  Kind kind = Kind::kChanged;
  int64_t sequence = 0;  // the record it is about, or the first of them
  std::string sentence;
};

// "changed", "missing", ...: for programs.
std::string_view name_of(Finding::Kind kind);

// Memory and time are bounded by the lines: of findings, the first kMostFindings are kept and the rest counted.
class ChainChecker {
 public:
  static constexpr size_t kMostFindings = 1000;

  // `begins_anywhere`: a part of a log, whose first record need not be record 1.
  explicit ChainChecker(bool begins_anywhere = false) : begins_anywhere_(begins_anywhere) {}

  // A record that must be in the chain, by its sequence and hash: the one of the head file.
  void expect(const Link& head) { head_ = head; }
  // A record that must be somewhere in the chain, by its hash alone.
  void expect_hash(const Digest& hash) { wanted_ = hash; }

  // A line without its newline. `place` is "FILE line N".
  void feed(std::string_view line, const std::string& place);
  // A line that is too long to be a record of ours.
  void feed_oversized(const std::string& place);
  // The end of the log, with what follows the last newline.
  void finish(size_t torn_bytes);

  const std::vector<Finding>& findings() const { return findings_; }
  size_t findings_left_out() const { return left_out_; }
  int64_t records() const { return records_; }  // intact ones
  // Of the last record that is intact and in the chain.
  const Link& last() const { return last_; }
  // The sequence of the record that expect_hash() named.
  std::optional<int64_t> wanted_at() const { return wanted_at_; }

 private:
  struct Placed {
    ReadLink link;
    std::string place;
  };
  using Range = std::pair<int64_t, int64_t>;  // both included

  void take(const Placed& record);
  void take_suspect();
  bool continues_chain(const ReadLink& link) const;
  void settle_bad_lines(int64_t gap);
  void note_missing(int64_t first, int64_t last);
  void find_moved();
  void compare_with_head();
  template <typename... Args>
  void found(Finding::Kind kind, int64_t sequence, fmt::format_string<Args...> format, Args&&... args);

  bool begins_anywhere_;
  std::optional<Link> head_;
  std::optional<Digest> wanted_;
  std::optional<int64_t> wanted_at_;

  bool has_begun_ = false;
  Link last_;  // the chain so far
  std::optional<Placed>
      suspect_;  // intact, but does not continue the chain: the next line tells which of both is wrong
  std::vector<std::string> bad_places_;  // of damaged lines since last_, the first of them
  int64_t bad_lines_ = 0;
  std::vector<Range> missing_;
  std::vector<Placed> out_of_place_;
  int64_t records_ = 0;
  std::vector<Finding> findings_;
  size_t left_out_ = 0;
};

}  // namespace paddock::server::audit
