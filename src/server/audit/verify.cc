// SPDX-License-Identifier: Apache-2.0
#include "server/audit/verify.h"

#include <fmt/core.h>

#include <chrono>
#include <system_error>
#include <thread>

#include "server/audit/log_folder.h"

namespace paddock::server::audit {
namespace {

namespace fs = std::filesystem;

// A record that is being written is whole a moment later.
constexpr int kTries = 20;
constexpr std::chrono::milliseconds kMoment{50};

struct Reading {
  ChainChecker checker;
  size_t torn_bytes = 0;
  int64_t cuts = 0;    // records that tell of torn ones
  int64_t losses = 0;  // records that tell of lost ones

  void feed(std::optional<std::string_view> line, const std::string& place) {
    if (!line) return checker.feed_oversized(place);
    checker.feed(*line, place);
    const std::string_view kind = kind_of(line->substr(0, kKindIsWithin));
    cuts += kind == "cut" ? 1 : 0;
    losses += kind == "lost" ? 1 : 0;
  }

 private:
  static constexpr size_t kKindIsWithin = 100;  // of the line's bytes
};

void add_notes(const Reading& reading, Verification* done) {
  if (reading.cuts > 0)
    done->notes.push_back(fmt::format(
        "{} records say that a torn record was cut off when the log was opened after a crash", reading.cuts));
  if (reading.losses > 0)
    done->notes.push_back(fmt::format("{} records say that others were lost while the disk was full", reading.losses));
}

Result<Reading> read_chain(const std::vector<fs::path>& files, bool is_folder, const std::optional<Link>& head,
                           const std::optional<Digest>& wanted) {
  Reading reading{.checker = ChainChecker(!is_folder)};
  if (head) reading.checker.expect(*head);
  if (wanted) reading.checker.expect_hash(*wanted);
  std::string last_name;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    // Bytes without an end in the middle of the log are a damaged record; at its end they may be the writer's.
    if (reading.torn_bytes > 0) reading.checker.feed_oversized(last_name + " at its end");
    last_name = name;
    reading.torn_bytes =
        TRY(read_lines(file, [&](std::optional<std::string_view> line, int64_t number) -> Result<void> {
          reading.feed(line, fmt::format("{} line {}", name, number));
          return {};
        }));
  }
  reading.checker.finish(reading.torn_bytes);
  return reading;
}

void add_head_finding(Verification* done, const std::string& sentence) {
  done->findings.push_back({Finding::Kind::kHead, done->last.sequence, sentence});
}

void look_for_wanted(Verification* done, const std::optional<Digest>& wanted) {
  if (!wanted || done->wanted_at) return;
  add_head_finding(done, fmt::format("no record has the hash {}: the log does not continue the one it was taken from",
                                     to_hex(*wanted)));
}

}  // namespace

Result<std::vector<fs::path>> segment_files(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_directory(path, problem)) {
    if (!fs::exists(path, problem))
      return error(ErrorCode::kNotFound, "{}: cannot open: expected an audit log, found nothing", path.string());
    return std::vector<fs::path>{path};
  }
  std::vector<fs::path> files;
  for (const Segment& segment : TRY(segments_of(path))) files.push_back(segment.path);
  if (files.empty() && !fs::exists(head_path(path), problem))
    return error(ErrorCode::kNotFound, "{}: expected an audit log, found no audit-*.jsonl and no head", path.string());
  return files;
}

Result<Link> head_of(const fs::path& folder) {
  const auto head = TRY(read_head(folder));
  if (!head)
    return error(ErrorCode::kNotFound, "{}: expected the head file of an audit log, found none", folder.string());
  return *head;
}

Result<Verification> verify_log(const fs::path& path, const std::optional<Digest>& wanted) {
  std::error_code problem;
  const bool is_folder = fs::is_directory(path, problem);
  TRY_VOID(segment_files(path));
  for (int tries = 0;; ++tries) {
    // The head first: the log may grow meanwhile, and is never shorter than its head.
    const auto head = is_folder ? read_head(path) : Result<std::optional<Link>>(std::nullopt);
    const std::vector<fs::path> files = TRY(segment_files(path));
    Reading reading = TRY(read_chain(files, is_folder, head ? *head : std::nullopt, wanted));
    const bool has_writer = is_folder && is_being_written(path);
    if (reading.torn_bytes > 0 && has_writer && tries < kTries) {
      std::this_thread::sleep_for(kMoment);
      continue;
    }
    const ChainChecker& checker = reading.checker;
    Verification done{checker.records(),  checker.last(), checker.findings(), checker.findings_left_out(), {},
                      checker.wanted_at()};
    if (!is_folder && done.records == 0 && done.is_intact())
      return error(ErrorCode::kBadFile, "{}: expected a segment of an audit log, found no record", path.string());
    add_notes(reading, &done);
    if (!head) add_head_finding(&done, head.error().message);
    if (is_folder && head && !*head)
      add_head_finding(&done, fmt::format("{}: missing: nobody can tell whether records at the end are cut off",
                                          head_path(path).string()));
    if (head && *head && (*head)->sequence < done.last.sequence)
      done.notes.push_back(fmt::format(
          "{} records behind record {}, which the head file names, {}", done.last.sequence - (*head)->sequence,
          (*head)->sequence, has_writer ? "are being written" : "were written just before the writer was stopped"));
    look_for_wanted(&done, wanted);
    return done;
  }
}

}  // namespace paddock::server::audit
