// SPDX-License-Identifier: Apache-2.0
#include "server/auth/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/check.h"
#include "server/auth/schema.h"

namespace paddock::server::auth {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> sqlite_error(sqlite3* database, const std::string& path) {
  const int code = database == nullptr ? SQLITE_NOMEM : sqlite3_errcode(database);
  if (code == SQLITE_BUSY)
    return error(ErrorCode::kIo, "{}: the key database is being written by another process for too long; try again",
                 path);
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
    return error(ErrorCode::kBadFile,
                 "{}: expected a key database, found something else or a damaged one ({}); restore it "
                 "from a copy or name another file",
                 path, sqlite3_errmsg(database));
  return error(ErrorCode::kIo, "{}: the key database cannot be used: {}", path,
               database == nullptr ? "out of memory" : sqlite3_errmsg(database));
}

tl::unexpected<Error> file_error(const fs::path& path, std::string_view what) {
  return error(ErrorCode::kIo, "{}: cannot {} the key database: {}", path.string(), what, std::strerror(errno));
}

// An empty file of the owner's alone, before SQLite would make one by the umask.
Result<void> create_private(const fs::path& path) {
  std::error_code problem;
  if (!path.parent_path().empty()) fs::create_directories(path.parent_path(), problem);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno != EEXIST) return file_error(path, "create");
  if (descriptor >= 0) ::close(descriptor);
  return {};
}

Result<void> check_file(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT)
      return error(ErrorCode::kNotFound, "{}: no key database here; paddock keys create makes one", path.string());
    return file_error(path, "open");
  }
  if (!S_ISREG(status.st_mode))
    return error(ErrorCode::kInvalidArgument, "{}: expected a file for the key database, found {}", path.string(),
                 S_ISDIR(status.st_mode) ? "a folder" : "something else");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error(
        ErrorCode::kInvalidArgument,
        "{}: expected a key database that its owner alone may write, found mode {:04o}: whoever writes it can make "
        "keys; run chmod 600 {}, and look at paddock keys list",
        path.string(), status.st_mode & 07777, path.string());
  return {};
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      path_(other.path_),
      next_parameter_(other.next_parameter_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::bind_next(int64_t value) {
  CHECK(sqlite3_bind_int64(statement_, next_parameter_++, value) == SQLITE_OK);
}
void Statement::bind_next(std::string_view text) {
  // A copy: the caller's text may be a temporary. A failure (no memory) binds NULL, which every column refuses.
  sqlite3_bind_text(statement_, next_parameter_++, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
void Statement::bind_next(const std::optional<int64_t>& value) {
  if (value)
    bind_next(*value);
  else
    CHECK(sqlite3_bind_null(statement_, next_parameter_++) == SQLITE_OK);
}

Result<bool> Statement::row() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(database_, *path_);
}

Result<void> Statement::done() {
  while (TRY(row())) {
  }
  return {};
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}
bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::optional<int64_t> Statement::maybe_integer(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close(database); }
void Database::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Result<Database> Database::open(const fs::path& path, const Options& options) {
  if (path.empty()) return error(ErrorCode::kInvalidArgument, "no place for the key database is known; name one");
  if (options.mode == Mode::kCreate) TRY_VOID(create_private(path));
  TRY_VOID(check_file(path));
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(std::unique_ptr<sqlite3, Close>(opened), path.string());
  if (code != SQLITE_OK) return sqlite_error(opened, path.string());
  TRY_VOID(database.configure(options));
  TRY_VOID(update_schema(&database));
  return database;
}

Result<void> Database::configure(const Options& options) {
  sqlite3_busy_timeout(database_.get(), static_cast<int>(options.patience.count()));
  // Before anything of the file is trusted: its own triggers and views call no functions.
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  TRY_VOID(run("PRAGMA foreign_keys = ON"));
  TRY_VOID(use_write_ahead_log());
  return options.durability == Durability::kPower ? run("PRAGMA synchronous = FULL")
                                                  : run("PRAGMA synchronous = NORMAL");
}

// SQLite does not wait by itself where two processes make a new file at once.
Result<void> Database::use_write_ahead_log() {
  constexpr int kTries = 100;
  Result<void> done;
  for (int tries = 0; tries < kTries; ++tries) {
    done = run("PRAGMA journal_mode = WAL");
    if (done || sqlite3_errcode(database_.get()) != SQLITE_BUSY) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return done;
}

Result<Statement> Database::prepare(const char* sql) {
  auto& kept = statements_[sql];
  if (kept == nullptr) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
      return sqlite_error(database_.get(), *path_);
    kept.reset(statement);
  }
  return Statement(database_.get(), kept.get(), path_.get());
}

Result<int64_t> Database::number(const char* sql) {
  Statement statement = TRY(prepare(sql));
  return TRY(statement.row()) ? statement.integer(0) : 0;
}

Result<void> Database::checkpoint() { return run("PRAGMA wal_checkpoint(PASSIVE)"); }

Result<Transaction> Transaction::begin(Database* database) {
  TRY_VOID(database->run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Result<void> Transaction::commit() {
  TRY_VOID(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

Transaction::~Transaction() {
  if (database_ != nullptr) static_cast<void>(database_->run("ROLLBACK"));
}

}  // namespace paddock::server::auth
