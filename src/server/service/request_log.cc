// SPDX-License-Identifier: Apache-2.0
#include "server/service/request_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace paddock::server {
namespace {

double seconds_of(const RequestEntry& entry) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - entry.start).count();
}

std::string time_of(const RequestEntry& entry) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(entry.time)));
}

// Paths come from outside: no control characters reach a terminal.
std::string printable(std::string text) {
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = '?';
  return text;
}

std::string text_line(const RequestEntry& entry) {
  std::string line = fmt::format("{} {} {} {} {:.3f} s", time_of(entry), entry.method, printable(entry.path),
                                 entry.status, seconds_of(entry));
  if (!entry.key_name.empty()) line += fmt::format(" key {}", printable(entry.key_name));
  if (!entry.finish_reason.empty())
    line += fmt::format(" {}: {} prompt ({} cached), {} output tokens, first after {:.3f} s, {}", entry.model,
                        entry.prompt_tokens, entry.cached_tokens, entry.output_tokens, entry.first_token_seconds,
                        entry.finish_reason);
  return line + "\n";
}

std::string json_line(const RequestEntry& entry) {
  Json line{{"time", time_of(entry)},        {"id", entry.id},         {"method", entry.method},
            {"path", printable(entry.path)}, {"status", entry.status}, {"seconds", seconds_of(entry)},
            {"client", entry.client_address}};
  if (!entry.key_id.empty()) line["key"] = entry.key_id;
  if (!entry.finish_reason.empty()) {
    line["model"] = entry.model;
    line["prompt_tokens"] = entry.prompt_tokens;
    line["cached_tokens"] = entry.cached_tokens;
    line["output_tokens"] = entry.output_tokens;
    line["first_token_seconds"] = entry.first_token_seconds;
    line["finish_reason"] = entry.finish_reason;
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

audit::Record record_of(const RequestEntry& entry) {
  audit::Record record;
  record.time_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(entry.time.time_since_epoch()).count();
  record.key_id = entry.key_id;
  record.route = entry.method + " " + (entry.route.empty() ? entry.path : entry.route);
  record.model = entry.model;
  if (!entry.parameters.empty())
    if (auto parameters = parse_json(entry.parameters, "parameters")) record.parameters = std::move(*parameters);
  record.prompt_tokens = entry.prompt_tokens;
  record.cached_tokens = entry.cached_tokens;
  record.output_tokens = entry.output_tokens;
  record.finish_reason = entry.finish_reason;
  record.http_status = entry.status;
  record.latency_us = static_cast<int64_t>(seconds_of(entry) * 1e6);
  record.client_address = entry.client_address;
  record.prompt = entry.prompt;
  record.output = entry.output;
  return record;
}

}  // namespace

Result<void> RequestLog::admit() {
  if (!audit_) return {};
  return audit_->admit();
}

void RequestLog::write(const RequestEntry& entry) {
  if (format_ != LogFormat::kNone) {
    const std::string line = format_ == LogFormat::kJson ? json_line(entry) : text_line(entry);
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
  if (!audit_ || !entry.is_audited) return;
  if (const auto kept = audit_->append(record_of(entry)); !kept) log_warning("audit: {}", kept.error().message);
}

void RequestLog::note_unknown_fields(const std::vector<std::string>& fields) {
  constexpr size_t kMost = 1000;  // clients choose these names
  const std::lock_guard lock(mutex_);
  for (const std::string& field : fields)
    if (told_fields_.size() < kMost && told_fields_.insert(field).second)
      log_warning("a request has the field {}, which is not known and has no effect", printable(field));
}

void RequestLog::warn(std::string_view what, std::string_view trouble) { log_warning("{}: {}", what, trouble); }

}  // namespace paddock::server
