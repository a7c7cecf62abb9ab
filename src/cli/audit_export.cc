// SPDX-License-Identifier: Apache-2.0
#include "cli/audit_export.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/json.h"
#include "base/utc_time.h"
#include "cli/csv.h"
#include "server/audit/log_folder.h"
#include "server/audit/verify.h"

namespace paddock::cli {
namespace {

constexpr const char* kAuditColumns[] = {
    "sequence",      "time",          "kind",          "key",    "route",      "model",  "parameters", "prompt_tokens",
    "cached_tokens", "output_tokens", "finish_reason", "status", "latency_us", "client", "content",    "hash"};

std::string field_text(const Json& record, const char* name) {
  const auto field = record.find(name);
  if (field == record.end() || field->is_null()) return "";
  if (field->is_string()) return field->get<std::string>();
  return field->dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string record_line(const Json& record) {
  std::vector<std::string> fields;
  for (const char* name : kAuditColumns) fields.push_back(field_text(record, name));
  return csv_line(fields);
}

// The record of a line, or missing when it is damaged.
std::optional<Json> read_record(std::optional<std::string_view> line) {
  const auto link = line ? server::audit::read_link(*line) : std::nullopt;
  if (!link || !link->is_intact) return std::nullopt;
  auto record = parse_json(*line, "record");
  return record && record->is_object() ? std::optional(std::move(*record)) : std::nullopt;
}

bool is_wanted(const Json& record, const ExportWish& wish) {
  const auto moment = parse_utc(field_text(record, "time"));
  return moment && *moment >= wish.from_ns && *moment <= wish.to_ns &&
         (wish.key.empty() || field_text(record, "key") == wish.key);
}

// Collects small pieces, because each write is a call of the operating system.
class Collected {
 public:
  explicit Collected(const std::function<Result<void>(std::string_view)>& write) : write_(write) {}
  Result<void> add(std::string_view text) {
    text_ += text;
    return text_.size() < kEnough ? Result<void>{} : flush();
  }
  Result<void> flush() {
    if (text_.empty()) return {};
    TRY_VOID(write_(text_));
    text_.clear();
    return {};
  }

 private:
  static constexpr size_t kEnough = 1 << 16;
  const std::function<Result<void>(std::string_view)>& write_;
  std::string text_;
};

}  // namespace

Result<int64_t> export_audit(const std::filesystem::path& path, const ExportWish& wish,
                             const std::function<Result<void>(std::string_view)>& write) {
  const std::vector<std::filesystem::path> files = TRY(server::audit::segment_files(path));
  Collected out(write);
  int64_t damaged = 0, written = 0;
  const auto add = [&](std::optional<std::string_view> line, int64_t) -> Result<void> {
    const auto record = read_record(line);
    if (!record) ++damaged;
    if (!record || !is_wanted(*record, wish)) return {};
    ++written;
    if (wish.format == ExportFormat::kCsv) return out.add(record_line(*record));
    if (wish.format == ExportFormat::kJson) TRY_VOID(out.add(written > 1 ? ",\n" : "\n"));
    TRY_VOID(out.add(*line));
    return wish.format == ExportFormat::kJsonLines ? out.add("\n") : Result<void>{};
  };
  if (wish.format == ExportFormat::kJson) TRY_VOID(out.add("["));
  if (wish.format == ExportFormat::kCsv)
    TRY_VOID(out.add(csv_line(std::vector<std::string>(std::begin(kAuditColumns), std::end(kAuditColumns)))));
  for (const auto& file : files) damaged += TRY(server::audit::read_lines(file, add)) > 0 ? 1 : 0;
  if (wish.format == ExportFormat::kJson) TRY_VOID(out.add(written > 0 ? "\n]\n" : "]\n"));
  TRY_VOID(out.flush());
  return damaged;
}

}  // namespace paddock::cli
