// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/job_log.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "base/new_file.h"

namespace paddock::train {
namespace {

// A line that was cut off by the end of the process is no line.
bool stays(std::string_view line, int64_t step) {
  const auto json = parse_json(line, "line");
  return json && json->is_object() &&
         (!json->contains("step") || !json->at("step").is_number_integer() || json->at("step").get<int64_t>() <= step);
}

Result<void> forget_after(const std::filesystem::path& path, int64_t step) {
  const std::string text = TRY(read_text_file(path));
  NewFile file = TRY(NewFile::create(path));
  for (std::string_view left = text; !left.empty();) {
    const size_t end = left.find('\n');
    if (end == std::string_view::npos) break;
    if (stays(left.substr(0, end), step)) TRY_VOID(file.write(left.substr(0, end + 1)));
    left.remove_prefix(end + 1);
  }
  return file.commit();
}

}  // namespace

Result<JobLog> JobLog::open(const std::filesystem::path& path, int64_t step) {
  if (std::filesystem::exists(path)) TRY_VOID(forget_after(path, step));
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return error(ErrorCode::kIo, "{}: cannot be written: {}", path.string(), std::strerror(errno));
  return JobLog(file);
}

// A log that cannot be written to is no reason to lose the work.
void JobLog::write(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), file_.get());
  std::fflush(file_.get());
}

}  // namespace paddock::train
