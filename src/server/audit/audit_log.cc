// SPDX-License-Identifier: Apache-2.0
#include "server/audit/audit_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/log.h"
#include "server/audit/log_folder.h"
#include "server/audit/recovery.h"
#include "server/audit/segment_file.h"

namespace paddock::server::audit {
namespace {

namespace fs = std::filesystem;

// What becomes a line when there is room for it.
struct Entry {
  int64_t time_ns = 0;
  std::string members;

  int64_t bytes() const { return static_cast<int64_t>(sizeof(Entry) + members.size()); }
};

class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  Result<void> take(const fs::path& folder) {
    const fs::path path = lock_path(folder);
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return error(ErrorCode::kIo, "{}: cannot open: {}", path.string(), std::strerror(errno));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return {};
    return error(ErrorCode::kIo, "{}: another process writes this audit log; give each server a folder of its own",
                 folder.string());
  }

 private:
  int descriptor_ = -1;
};

Result<void> make_folder(const fs::path& folder) {
  std::error_code problem;
  const bool is_new = fs::create_directories(folder, problem);
  if (!problem && is_new) fs::permissions(folder, fs::perms::owner_all, problem);
  if (problem) return error(ErrorCode::kIo, "{}: cannot make the folder: {}", folder.string(), problem.message());
  return {};
}

}  // namespace

class AuditLog::State {
 public:
  State(fs::path folder, const AuditOptions& options, const TimeSource& time)
      : folder_(std::move(folder)), options_(options), time_(time) {}
  ~State();

  Result<void> open();
  Result<void> admit();
  Result<void> append(const Record& record);
  Result<void> sync();
  AuditStatus status();
  const std::string& repair() const { return repair_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  // With the lock held.
  Result<void> write_waiting();
  Result<void> write(const Entry& entry);
  Result<void> write_event(const Event& event) { return write({time_.utc_ns(), members_of(event)}); }
  Result<void> begin_segment_if_full();
  void keep_waiting(Entry entry);
  std::string new_identity() const;
  Result<void> judge(const Result<void>& done);
  // These give the lock back while they sync.
  Result<void> write_and_sync(Lock* lock);
  Result<void> sync_up_to(int64_t sequence, Lock* lock);
  void sync_in_groups();

  const fs::path folder_;
  const AuditOptions options_;
  const TimeSource& time_;
  FolderLock folder_lock_;
  std::string repair_;

  std::mutex mutex_;
  std::condition_variable synced_;
  SegmentFile head_file_;
  std::shared_ptr<SegmentFile> segment_;  // shared with the thread that syncs it
  int64_t segment_number_ = 1;
  Link last_;     // written
  Link on_disk_;  // synced
  bool is_syncing_ = false;
  std::deque<Entry> waiting_;
  int64_t waiting_bytes_ = 0;
  int64_t lost_ = 0;         // since the log was opened
  int64_t lost_untold_ = 0;  // of these, not yet said in the log
  std::string trouble_;

  std::condition_variable group_changed_;  // there is something to sync, or the log is closed
  bool stops_ = false;
  std::thread groups_;
};

Result<void> AuditLog::State::open() {
  TRY_VOID(make_folder(folder_));
  TRY_VOID(folder_lock_.take(folder_));
  const LogEnd end = TRY(find_end(folder_));
  segment_number_ = end.segment;
  last_ = on_disk_ = end.last;
  segment_ = std::make_shared<SegmentFile>(TRY(SegmentFile::open(segment_path(folder_, end.segment), end.good_bytes)));
  if (!TRY(read_head(folder_))) TRY_VOID(create_head(folder_, last_));
  head_file_ = TRY(SegmentFile::open(head_path(folder_), kHeadBytes));
  TRY_VOID(head_file_.overwrite(head_text(last_)));
  TRY_VOID(sync_folder(folder_));
  Lock lock(mutex_);
  if (last_.sequence == 0) TRY_VOID(write_event({"started", {{"format", 1}, {"log", new_identity()}}}));
  if (end.torn_bytes > 0) {
    repair_ = fmt::format("{}: {} bytes behind record {} were not a whole record and have been cut off",
                          folder_.string(), end.torn_bytes, end.last.sequence);
    TRY_VOID(write_event({"cut", {{"bytes", end.torn_bytes}, {"sha256", to_hex(end.torn_hash)}}}));
  }
  TRY_VOID(sync_up_to(last_.sequence, &lock));
  if (options_.group_ms > 0) groups_ = std::thread([this] { sync_in_groups(); });
  return {};
}

// No two logs have the same, so that a record of one is none of the other.
std::string AuditLog::State::new_identity() const {
  const std::string what = fmt::format("{} {} {}", folder_.string(), time_.utc_ns(), ::getpid());
  return to_hex(sha256(what)).substr(0, 32);
}

AuditLog::State::~State() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  group_changed_.notify_all();
  if (groups_.joinable()) groups_.join();
  if (segment_ == nullptr) return;  // was never open
  Lock lock(mutex_);
  if (const auto done = write_and_sync(&lock); !done)
    log_warning("{}; {} audit records are lost", done.error().message, waiting_.size());
}

Result<void> AuditLog::State::begin_segment_if_full() {
  if (segment_->size() < options_.segment_bytes) return {};
  TRY_VOID(segment_->sync());
  auto next = std::make_shared<SegmentFile>(TRY(SegmentFile::open(segment_path(folder_, segment_number_ + 1), 0)));
  TRY_VOID(sync_folder(folder_));
  segment_ = std::move(next);
  ++segment_number_;
  return {};
}

Result<void> AuditLog::State::write(const Entry& entry) {
  TRY_VOID(begin_segment_if_full());
  Link link = last_;
  TRY_VOID(segment_->append(next_line(entry.members, entry.time_ns, &link)));
  last_ = link;
  return {};
}

// In their order, and then how many came when there was no room to wait.
Result<void> AuditLog::State::write_waiting() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    TRY_VOID(write(waiting_.front()));
    waiting_bytes_ -= waiting_.front().bytes();
  }
  if (lost_untold_ == 0) return {};
  TRY_VOID(write_event({"lost", {{"records", lost_untold_}}}));
  lost_untold_ = 0;
  return {};
}

void AuditLog::State::keep_waiting(Entry entry) {
  if (waiting_bytes_ + entry.bytes() > options_.waiting_bytes) {
    ++lost_, ++lost_untold_;
    return;
  }
  waiting_bytes_ += entry.bytes();
  waiting_.push_back(std::move(entry));
}

Result<void> AuditLog::State::admit() {
  Lock lock(mutex_);
  if (trouble_.empty()) return {};
  return judge(write_and_sync(&lock));
}

// What the caller is told of it.
Result<void> AuditLog::State::judge(const Result<void>& done) {
  if (done) {
    trouble_.clear();
    return {};
  }
  if (trouble_.empty()) log_warning("{}", done.error().message);
  trouble_ = done.error().message;
  return options_.on_full_disk == OnFullDisk::kContinue ? Result<void>{} : done;
}

Result<void> AuditLog::State::write_and_sync(Lock* lock) {
  TRY_VOID(write_waiting());
  return sync_up_to(last_.sequence, lock);
}

Result<void> AuditLog::State::append(const Record& record) {
  Entry entry{record.time_ns != 0 ? record.time_ns : time_.utc_ns(), members_of(record, options_.content)};
  Lock lock(mutex_);
  Result<void> done = write_waiting();
  if (done) done = write(entry);
  if (!done)
    keep_waiting(std::move(entry));
  else if (options_.group_ms == 0)
    done = sync_up_to(last_.sequence, &lock);
  else
    group_changed_.notify_one();
  return judge(done);
}

// One thread syncs for all that wait; those that came meanwhile are synced by the next.
Result<void> AuditLog::State::sync_up_to(int64_t sequence, Lock* lock) {
  while (on_disk_.sequence < sequence) {
    if (is_syncing_) {
      synced_.wait(*lock);
      continue;
    }
    is_syncing_ = true;
    const Link written = last_;
    const std::shared_ptr<SegmentFile> segment = segment_;  // earlier ones were synced when they ended
    lock->unlock();
    const Result<void> done = segment->sync();
    lock->lock();
    is_syncing_ = false;
    synced_.notify_all();
    TRY_VOID(Result<void>(done));
    on_disk_ = written;
    TRY_VOID(head_file_.overwrite(head_text(on_disk_)));
  }
  return {};
}

void AuditLog::State::sync_in_groups() {
  Lock lock(mutex_);
  while (!stops_) {
    group_changed_.wait(lock, [&] { return stops_ || on_disk_.sequence < last_.sequence; });
    group_changed_.wait_for(lock, std::chrono::milliseconds(options_.group_ms), [&] { return stops_; });
    if (const auto done = sync_up_to(last_.sequence, &lock); !done) static_cast<void>(judge(done));
  }
}

Result<void> AuditLog::State::sync() {
  Lock lock(mutex_);
  return write_and_sync(&lock);
}

AuditStatus AuditLog::State::status() {
  const std::lock_guard lock(mutex_);
  return {last_.sequence, static_cast<int64_t>(waiting_.size()), lost_, trouble_};
}

AuditLog::AuditLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
AuditLog::~AuditLog() = default;

Result<std::unique_ptr<AuditLog>> AuditLog::open(const fs::path& folder, const AuditOptions& options,
                                                 const TimeSource& time) {
  auto state = std::make_unique<State>(folder, options, time);
  TRY_VOID(state->open());
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(state)));
}

Result<void> AuditLog::admit() { return state_->admit(); }
Result<void> AuditLog::append(const Record& record) { return state_->append(record); }
Result<void> AuditLog::sync() { return state_->sync(); }
AuditStatus AuditLog::status() { return state_->status(); }
const std::string& AuditLog::repair() const { return state_->repair(); }

}  // namespace paddock::server::audit
