// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs the built program as a user's shell would.

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace paddock::test {

using Arguments = std::vector<std::string>;
using Environment = std::vector<std::pair<std::string, std::string>>;

struct Ran {
  int status = -1;  // exit status; -signal when a signal ended it
  std::string out;
  std::string err;
};

// A program that is running; killed when the object goes while it still runs.
class Program {
 public:
  // `restrict_child` runs in the new process before it becomes the program.
  Program(const Arguments& arguments, const Environment& environment = {}, void (*restrict_child)() = nullptr);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void write(const std::string& input);
  void close_input();
  void close_output();  // as a reader that goes away

  // Reads until standard output, or standard error, holds `text`; false when it ends before, or after a minute.
  bool wait_for_output(const std::string& text);
  bool wait_for_first_output();
  bool wait_for_error(const std::string& text, size_t begin = 0);
  const std::string& error_so_far() const { return ran_.err; }
  void send_signal(int signal);
  pid_t id() const { return process_; }

  // Ctrl-C. A program with more than a page (4,096 bytes) to write cannot have ended while nothing of it is read.
  void interrupt();
  Ran finish();  // closes the input and waits, a minute at most

 private:
  bool read_some(int timeout_ms);

  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
  int error_ = -1;
  Ran ran_;
};

Ran run_program(const Arguments& arguments, const std::string& input = "", const Environment& environment = {},
                void (*restrict_child)() = nullptr);

// The same, for a command that must succeed and print one JSON value: fails the test otherwise.
nlohmann::ordered_json run_json(const Arguments& arguments, const std::string& input = "");

// A folder that goes with the test.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // Writes a file and gives its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace paddock::test
