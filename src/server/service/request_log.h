// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is written down of each request when it has ended: a line for people, a record for auditors.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "server/audit/audit_log.h"

namespace paddock::server {

struct RequestEntry {
  std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::string id, method, path;
  std::string route;  // as the routing table spells it
  std::string key_id, key_name;
  std::string client_address;
  std::string model;
  std::string parameters;  // JSON text of an object; empty: none
  int64_t prompt_tokens = 0, cached_tokens = 0, output_tokens = 0;
  double first_token_seconds = -1;
  std::string finish_reason;
  std::string prompt, output;  // kept by the audit's policy
  bool is_audited = false;
  int status = 0;
};

enum class LogFormat { kText, kJson, kNone };

// Thread-safe.
class RequestLog {
 public:
  // `audit` null: none is kept.
  RequestLog(LogFormat format, std::unique_ptr<audit::AuditLog> audit, bool keeps_content)
      : format_(format), keeps_content_(keeps_content), audit_(std::move(audit)) {}

  // Whether prompts and answers go into the audit trail, or their hashes.
  bool keeps_content() const { return keeps_content_; }

  // Whether a new request may begin: not while its record could not be kept.
  Result<void> admit();
  void write(const RequestEntry& entry);
  // Fields of requests that no specification knows: each is told once.
  void note_unknown_fields(const std::vector<std::string>& fields);
  void warn(std::string_view what, std::string_view trouble);
  audit::AuditLog* audit() { return audit_.get(); }

 private:
  LogFormat format_;
  bool keeps_content_;
  std::unique_ptr<audit::AuditLog> audit_;
  std::mutex mutex_;
  std::set<std::string> told_fields_;
};

}  // namespace paddock::server
