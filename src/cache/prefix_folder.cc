// SPDX-License-Identifier: Apache-2.0
#include "cache/prefix_folder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/new_file.h"

namespace paddock::cache {
namespace {

namespace fs = std::filesystem;

// What may wait on either way. One page always may.
constexpr size_t kMostWaiting = size_t{32} << 20;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kRefusedFor = 60 * kSecond;

constexpr std::array<std::string_view, kGroups> kEndings = {".global", ".local"};
constexpr std::string_view kPart = ".part";

tl::unexpected<Error> cannot(std::string_view what, const fs::path& path) {
  return error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: cannot {}: {}", path.string(), what,
               std::strerror(errno));
}

// At most `most` bytes of the file, from its beginning.
Result<std::vector<std::byte>> read_bytes(const fs::path& path, size_t most) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return cannot("read", path);
  std::vector<std::byte> bytes(most);
  size_t count = 0;
  ssize_t more = 1;
  while (count < most && (more != 0)) {
    more = ::read(descriptor, bytes.data() + count, most - count);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) break;
    count += static_cast<size_t>(more);
  }
  const int problem = errno;
  ::close(descriptor);
  errno = problem;
  if (more < 0) return cannot("read", path);
  bytes.resize(count);
  return bytes;
}

void set_moment(const fs::path& path, int64_t moment) {
  const timespec time{moment / kSecond, moment % kSecond};
  const timespec times[] = {time, time};
  static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW));  // it only orders what is removed
}

// All that decides where a number lies in a page.
std::string shape_text(const CacheShape& shape) {
  std::string text;
  for (const GroupShape& group : shape)
    text += fmt::format("{} layers, {} heads of {}, {} positions, chunk {}, {}; ", group.layers, group.kv_heads,
                        group.head_width, group.page_positions, group.chunk, group.format.name());
  return text;
}

Result<int> lock_folder(const fs::path& path) {
  std::error_code problem;
  fs::create_directories(path.parent_path(), problem);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return cannot("make the folder", path);
  const fs::path lock = path / "lock";
  const int descriptor = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return cannot("write into the folder", path);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  ::close(descriptor);
  return error(ErrorCode::kIo, "{}: another process keeps prefixes here; give each a folder of its own", path.string());
}

}  // namespace

Result<std::unique_ptr<PrefixFolder>> PrefixFolder::open(const fs::path& path, uint64_t limit, const Digest& identity,
                                                         const CacheShape& shape) {
  CHECK(shape[kGlobal].page_positions <= kMostPageTokens);
  for (const GroupShape& group : shape)
    if (const uint64_t least =
            head_bytes(static_cast<size_t>(group.page_positions)) + group.page_bytes() + sizeof(Digest);
        limit < least)
      return error(ErrorCode::kInvalidArgument, "{}: expected room for a page of {} bytes at least, found {}",
                   path.string(), least, limit);
  const int lock = TRY(lock_folder(path));
  const Digest model = sha256({to_hex(identity), shape_text(shape)});
  std::unique_ptr<PrefixFolder> folder(new PrefixFolder(path, limit, model, shape, lock));
  TRY_VOID(folder->look_around());
  folder->thread_ = std::thread([raw = folder.get()] { raw->run(); });
  return folder;
}

PrefixFolder::PrefixFolder(fs::path path, uint64_t limit, const Digest& model, const CacheShape& shape, int lock)
    : path_(std::move(path)),
      limit_(limit),
      model_(model),
      shape_(shape),
      lock_(lock),
      opened_(system_time().utc_ns()),
      last_moment_(opened_) {}

PrefixFolder::~PrefixFolder() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      to_read_.clear();
    }
    wake_.notify_all();
    thread_.join();
    note_moments();
  }
  ::close(lock_);
}

fs::path PrefixFolder::path_of(const PageName& page) const {
  return path_ / (to_hex(text_digest(page.before, page.tokens)) + std::string(kEndings[page.group]));
}

Result<void> PrefixFolder::look_around() {
  std::error_code problem;
  struct Stored {
    int64_t moment;
    PageName name;
    uint64_t bytes;
  };
  std::vector<Stored> stored;
  int64_t foreign = 0;
  for (fs::directory_iterator entry(path_, problem); !problem && entry != fs::directory_iterator();
       entry.increment(problem)) {
    const fs::path& path = entry->path();
    if (path.extension() == kPart) ::unlink(path.c_str());
    if (std::ranges::find(kEndings, path.extension().string()) == kEndings.end()) continue;
    const auto head = read_head(path);
    struct stat status {};
    if (head && head->model == model_ && ::lstat(path.c_str(), &status) == 0) {
      stored.push_back({status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec,
                        {head->before, head->tokens, head->group},
                        file_bytes(*head)});
      continue;
    }
    if (!head && head.error().code == ErrorCode::kIo) {
      log_warning("{}; it is not used", head.error().message);
      continue;
    }
    if (head || head.error().code == ErrorCode::kUnsupported)
      ++foreign;
    else
      log_warning("{}; it is removed", head.error().message);
    ::unlink(path.c_str());
    ++counts_.discarded;
  }
  if (problem) return error(ErrorCode::kIo, "{}: cannot read the folder: {}", path_.string(), problem.message());
  if (foreign > 0)
    log_warning("{}: {} pages of another model, other settings or another version are removed", path_.string(),
                foreign);
  for (Stored& one : stored)
    if (!index_.has(one.name)) index_.add(one.name, one.bytes, std::min(one.moment, opened_));
  make_room(0);
  return {};
}

PageHead PrefixFolder::head_of(const PageName& page) const {
  return {model_, page.before, page.group, page.tokens, shape_[page.group].page_bytes()};
}

// The head of a file whose size is what the head says.
Result<PageHead> PrefixFolder::read_head(const fs::path& path) const {
  const auto bytes = TRY(read_bytes(path, head_bytes(kMostPageTokens)));
  PageHead head = TRY(parse_head(bytes, path.string()));
  if (head.model != model_) return head;
  TRY_VOID(check(head, path.string()));
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return cannot("read", path);
  if (static_cast<uint64_t>(status.st_size) != file_bytes(head))
    return error(ErrorCode::kBadFile, "{}: damaged: expected {} bytes, found {}", path.string(), file_bytes(head),
                 status.st_size);
  if (path != path_of({head.before, head.tokens, head.group}))
    return error(ErrorCode::kBadFile, "{}: expected a page of the text that it is named by, found another",
                 path.string());
  return head;
}

// Of this model: whether the page is as long as one.
Result<void> PrefixFolder::check(const PageHead& head, const std::string& source) const {
  const GroupShape& shape = shape_[head.group];
  if (head.page_bytes != shape.page_bytes() || static_cast<int64_t>(head.tokens.size()) > shape.page_positions)
    return error(ErrorCode::kBadFile, "{}: expected at most {} tokens in {} bytes, found {} in {}", source,
                 shape.page_positions, shape.page_bytes(), head.tokens.size(), head.page_bytes);
  return {};
}

std::optional<PageIndex::Found> PrefixFolder::find(const Digest& before, std::span<const int32_t> tokens) const {
  const std::lock_guard lock(mutex_);
  return index_.find(before, tokens);
}

bool PrefixFolder::has(const PageName& page) const {
  const std::lock_guard lock(mutex_);
  return index_.has(page) || on_the_way_.contains({text_digest(page.before, page.tokens), page.group});
}

int64_t PrefixFolder::moment(int64_t pages) {
  const int64_t first = std::max(system_time().utc_ns(), last_moment_ + 1);
  last_moment_ = first + pages;
  return first;
}

void PrefixFolder::use(const PageName& page, int64_t moment) {
  const std::lock_guard lock(mutex_);
  index_.use(page, moment);
}

bool PrefixFolder::is_writable() const {
  const std::lock_guard lock(mutex_);
  return refused_ == 0 || system_time().utc_ns() - refused_ > kRefusedFor;
}

bool PrefixFolder::can_write() const {
  const std::lock_guard lock(mutex_);
  return waiting_bytes_ < kMostWaiting;
}

void PrefixFolder::write(PageName page, int64_t moment, std::vector<std::byte> bytes) {
  CHECK(bytes.size() == shape_[page.group].page_bytes());
  {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ += bytes.size();
    on_the_way_.emplace(text_digest(page.before, page.tokens), page.group);
    to_write_.push_back({std::move(page), moment, std::move(bytes)});
  }
  wake_.notify_all();
}

void PrefixFolder::read(std::vector<PageName> pages) {
  {
    const std::lock_guard lock(mutex_);
    ++reading_;
    to_read_.assign(std::make_move_iterator(pages.begin()), std::make_move_iterator(pages.end()));
    came_.clear();
    came_bytes_ = 0;
  }
  wake_.notify_all();
}

std::optional<PrefixFolder::ReadPage> PrefixFolder::take() {
  std::optional<ReadPage> page;
  {
    const std::lock_guard lock(mutex_);
    if (came_.empty()) return page;
    page = std::move(came_.front());
    came_.pop_front();
    came_bytes_ -= page->file.size();
  }
  wake_.notify_all();
  return page;
}

void PrefixFolder::wait(double seconds) {
  std::unique_lock lock(mutex_);
  if (came_.empty()) done_.wait_for(lock, std::chrono::duration<double>(seconds));
}

PrefixFolderCounts PrefixFolder::counts() const {
  const std::lock_guard lock(mutex_);
  PrefixFolderCounts counts = counts_;
  counts.pages = index_.pages();
  counts.bytes = index_.bytes();
  return counts;
}

// Whoever waits for a page goes before those that are only kept.
void PrefixFolder::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto can_read = [&] { return !to_read_.empty() && came_bytes_ < kMostWaiting; };
    wake_.wait(lock, [&] { return can_read() || !to_write_.empty() || stopping_; });
    if (can_read()) {
      const PageName name = std::move(to_read_.front());
      to_read_.pop_front();
      const int64_t call = reading_;
      lock.unlock();
      ReadPage page = read_file(name);
      lock.lock();
      if (call != reading_) continue;
      came_bytes_ += page.file.size();
      came_.push_back(std::move(page));
    } else if (!to_write_.empty()) {
      const Waiting page = std::move(to_write_.front());
      to_write_.pop_front();
      const bool is_refused = refused_ != 0 && system_time().utc_ns() - refused_ <= kRefusedFor;
      const bool is_wanted = !is_refused && !index_.has(page.name);
      if (is_wanted) make_room(file_bytes(head_of(page.name)));
      lock.unlock();
      Result<void> result;
      if (is_wanted) result = write_file(page);
      lock.lock();
      if (is_wanted) written(page, result);
      waiting_bytes_ -= page.bytes.size();
      on_the_way_.erase({text_digest(page.name.before, page.name.tokens), page.name.group});
    } else {
      return;
    }
    done_.notify_all();
  }
}

Result<void> PrefixFolder::write_file(const Waiting& page) {
  const fs::path path = path_of(page.name);
  NewFile file = TRY(NewFile::create(path, 0600));
  const std::vector<std::byte> before = write_head(head_of(page.name));
  TRY_VOID(file.write(before));
  TRY_VOID(file.write(page.bytes));
  const Digest behind = page_digest(before, page.bytes);
  TRY_VOID(file.write(std::as_bytes(std::span(behind))));
  TRY_VOID(file.commit());
  set_moment(path, page.moment);
  return {};
}

// With the mutex held.
void PrefixFolder::written(const Waiting& page, const Result<void>& result) {
  if (!result) {
    refused_ = system_time().utc_ns();
    log_warning("{}; prefixes are not written for a minute", result.error().message);
    return;
  }
  refused_ = 0;
  index_.add(page.name, file_bytes(head_of(page.name)), page.moment);
  ++counts_.written;
  for (const PageName& shorter : index_.continued_by(page.name.before, page.name.tokens))
    if (shorter.group == page.name.group) remove_file(shorter);
}

PrefixFolder::ReadPage PrefixFolder::read_file(const PageName& name) {
  const fs::path path = path_of(name);
  ReadPage page{name, {}, {}};
  const auto read = [&]() -> Result<void> {
    const PageHead wanted = head_of(name);
    page.file = TRY(read_bytes(path, file_bytes(wanted) + 1));
    const PageHead head = TRY(parse_head(page.file, path.string()));
    if (write_head(head) != write_head(wanted))
      return error(ErrorCode::kBadFile, "{}: expected a page of another text or model, found this one", path.string());
    page.bytes = TRY(page_of(page.file, head, path.string()));
    return {};
  };
  const auto done = read();
  const std::lock_guard lock(mutex_);
  if (done) {
    ++counts_.read;
    return page;
  }
  page.file.clear();
  page.bytes = {};
  if (!index_.has(name)) return page;  // it was removed meanwhile
  if (done.error().code == ErrorCode::kIo) {
    log_warning("{}; it is not used now", done.error().message);
    return page;
  }
  log_warning("{}; it is removed", done.error().message);
  ++counts_.discarded;
  remove_file(name);
  return page;
}

void PrefixFolder::remove_file(const PageName& page) {
  const PageName gone = page;
  index_.remove(gone);
  ::unlink(path_of(gone).c_str());
  // Without the page of global layers nothing of a text can be used.
  if (const PageName local{gone.before, gone.tokens, kLocal}; gone.group == kGlobal && index_.has(local))
    remove_file(local);
}

void PrefixFolder::make_room(uint64_t bytes) {
  while (index_.bytes() + bytes > limit_) remove_file(*index_.least_recent());
}

// What served since the start is found in this order by the next one.
void PrefixFolder::note_moments() {
  for (auto page = index_.by_moment().upper_bound(opened_); page != index_.by_moment().end(); ++page)
    set_moment(path_of(page->second), page->first);
}

}  // namespace paddock::cache
