// SPDX-License-Identifier: Apache-2.0
#pragma once
// The writer of an audit log: one record a request, each chained to the one before by hash. log_folder.h says which
// files there are, record.h what a line is.
//
// When a record is safe. It is in the kernel's hands when append() returns: the end of the process, however it comes,
// loses nothing. Without a group interval it is on the disk too, by one sync for all requests that wait at the time;
// with one, a sync follows within the interval, and a power failure loses at most what was appended since. After a sync
// the head file names the last record that is on the disk. The head itself reaches the disk by the kernel's own time,
// so that after a power failure it may name an earlier record, never a later one.
//
// When the disk is full. A record that cannot be written waits in memory, and goes into the log before the next as soon
// as there is room again; until then admit() refuses new requests (kRefuse) or not (kContinue). What does not fit into
// the memory for waiting records is lost, counted, and the count is written into the log. The end of the process loses
// what waits.
//
// After a crash. Bytes behind the last whole record are cut off when the log is opened again, with a record that says
// how many they were and what their hash was. A log that lacks records which its head names is not opened.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "server/audit/record.h"

namespace paddock::server::audit {

enum class OnFullDisk { kRefuse, kContinue };

struct AuditOptions {
  ContentPolicy content = ContentPolicy::kNone;
  OnFullDisk on_full_disk = OnFullDisk::kRefuse;
  int64_t group_ms = 0;                       // 0: every record is on the disk before append() returns
  int64_t segment_bytes = int64_t{64} << 20;  // a segment ends with the record that passes it
  int64_t waiting_bytes = int64_t{64} << 20;  // of records that wait for room on the disk, about
};

struct AuditStatus {
  int64_t records = 0;  // in the log
  int64_t waiting = 0;  // for room on the disk
  int64_t lost = 0;     // since the log was opened
  std::string trouble;  // why records wait or were not brought onto the disk; empty: all is well
};

// Thread-safe.
class AuditLog {
 public:
  // Makes the folder when there is none. One process at a time: a second is refused.
  static Result<std::unique_ptr<AuditLog>> open(const std::filesystem::path& folder, const AuditOptions& options,
                                                const TimeSource& time = system_time());
  ~AuditLog();  // writes and syncs what it can

  // Whether a new request may begin: an error while records wait for room and the policy is kRefuse. Tries to write
  // them first.
  Result<void> admit();

  // An error: the record is not in the log yet, or not on the disk. Under kContinue that is no error, only counted.
  Result<void> append(const Record& record);

  // Everything onto the disk, and the head with it.
  Result<void> sync();

  AuditStatus status();
  // What was cut off when the log was opened; empty after an orderly end.
  const std::string& repair() const;

 private:
  class State;
  explicit AuditLog(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace paddock::server::audit
