// SPDX-License-Identifier: Apache-2.0
#pragma once
// What happened in a job, as lines of JSON.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/json.h"
#include "base/result.h"

namespace paddock::train {

// Each line has an "event" and, where it belongs to one, a "step".
class JobLog {
 public:
  // Appends to log.jsonl. Lines of steps after `step` are taken away: the job goes on from there.
  static Result<JobLog> open(const std::filesystem::path& path, int64_t step);

  void write(const Json& line);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit JobLog(std::FILE* file) : file_(file) {}
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace paddock::train
