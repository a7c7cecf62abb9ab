// SPDX-License-Identifier: Apache-2.0
#pragma once
// The SQLite file of keys, prices and usage: opened with what keeps it whole, and statements without exceptions.
//
// The file is in WAL mode: a server and the command line use it at the same time, readers never wait. A commit survives
// the end of the process however it ends; whether it survives a power failure at once is the caller's choice
// (Durability).

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace paddock::server::auth {

// A statement with its parameters bound; rows are read with row() and columns are counted from 0. Goes back to its
// database for the next use when it is destroyed, so that one text is not used twice at the same time.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement, const std::string* path)
      : database_(database), statement_(statement), path_(path) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Parameters in their order; a blob is bound as text and cast in the statement.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    (bind_next(values), ...);
    return *this;
  }

  Result<bool> row();   // steps on; false: there is none
  Result<void> done();  // steps to the end

  int64_t integer(int column) const;
  std::string text(int column) const;  // also a blob's bytes
  std::optional<int64_t> maybe_integer(int column) const;
  bool is_null(int column) const;

 private:
  void bind_next(int64_t value);
  void bind_next(int value) { bind_next(static_cast<int64_t>(value)); }
  void bind_next(std::string_view text);
  void bind_next(const std::optional<int64_t>& value);
  template <typename Value>
  void bind_next(const std::optional<Value>& value) {
    value ? bind_next(*value) : bind_next(std::optional<int64_t>());
  }

  sqlite3* database_;
  sqlite3_stmt* statement_;
  const std::string* path_;
  int next_parameter_ = 1;
};

// One thread at a time.
class Database {
 public:
  enum class Mode { kCreate, kExisting };
  enum class Durability {
    kPower,    // every commit is on the disk before it returns
    kProcess,  // commits reach the disk with the next checkpoint(): a power failure may lose those since
  };
  struct Options {
    Mode mode = Mode::kCreate;
    Durability durability = Durability::kPower;
    std::chrono::milliseconds patience{5000};  // how long it waits for another process that is writing
  };

  // Makes missing folders and the file, readable and writable by its owner alone. Refuses a file that others may write,
  // a file that is not Paddock's, and one of a newer version.
  static Result<Database> open(const std::filesystem::path& path, const Options& options);

  // `sql` is a literal: its address is what the prepared statement is kept by.
  Result<Statement> prepare(const char* sql);
  template <typename... Values>
  Result<void> run(const char* sql, const Values&... values) {
    Statement statement = TRY(prepare(sql));
    return statement.bind(values...).done();
  }
  // The first column of the first row; 0 without a row.
  Result<int64_t> number(const char* sql);

  // Moves what was committed into the main file, as far as readers let it, and onto the disk.
  Result<void> checkpoint();

  const std::string& path() const { return *path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database(std::unique_ptr<sqlite3, Close> database, std::string path)
      : path_(std::make_unique<std::string>(std::move(path))), database_(std::move(database)) {}
  Result<void> configure(const Options& options);
  Result<void> use_write_ahead_log();

  std::unique_ptr<std::string> path_;  // stays where it is when the database is moved
  std::unique_ptr<sqlite3, Close> database_;
  std::unordered_map<const char*, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

// What is written between begin() and commit() is there as a whole or not at all. Takes the right to write at once, so
// that what is read inside does not change before it is written.
class Transaction {
 public:
  static Result<Transaction> begin(Database* database);
  Result<void> commit();

  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();  // without commit(): takes everything back

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace paddock::server::auth
