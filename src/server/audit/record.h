// SPDX-License-Identifier: Apache-2.0
#pragma once
// One line of the audit trail, and what chains it to the line before.
//
// A line is a JSON object whose first member is "sequence" and whose last two are "previous" and "hash", both 64
// hexadecimal digits. "previous" is the hash of the record before (zeros in record 1); "hash" is the SHA-256 of the
// line's own bytes up to the comma before "hash". The bytes in the file are the canonical form: a changed byte anywhere
// in a line is a changed record.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/json.h"

namespace paddock::server::audit {

// What is kept of prompts and answers. A hash tells whether a text that somebody has is the one; of short texts it can
// be guessed.
enum class ContentPolicy { kNone, kHash, kFull };

// "none", "hash", "full".
std::optional<ContentPolicy> content_policy_named(std::string_view name);

// Of a request that has ended, whatever its end. There is no member for credentials, and API keys in any text are
// redacted.
struct Record {
  int64_t time_ns = 0;  // when it began, since 1970 in UTC; 0: now
  std::string key_id;   // empty: none was needed, or none was good
  std::string route;
  std::string model;
  Json parameters = Json::object();
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t output_tokens = 0;
  std::string finish_reason;
  int http_status = 0;
  int64_t latency_us = 0;
  std::string client_address;
  std::string prompt;  // kept by the policy
  std::string output;
};

// What the log says of itself, as lines of the same chain.
struct Event {
  std::string kind;  // "started", "cut", "lost"
  Json details = Json::object();
};

struct Link {
  int64_t sequence = 0;  // from 1
  Digest hash{};         // of the record before the first: zeros
};

// The members of a line between "time" and "previous", as the text of a JSON object. What is not UTF-8 is repaired.
std::string members_of(const Record& record, ContentPolicy policy);
std::string members_of(const Event& event);

// The line that follows `last`, with its newline; `last` becomes its own link.
std::string next_line(std::string_view members, int64_t time_ns, Link* last);

// What a line says of the chain, found by position and without reading the rest of it.
struct ReadLink {
  int64_t sequence = 0;
  Digest previous{};
  Digest hash{};
  bool is_intact = false;  // the hash is the line's
};
std::optional<ReadLink> read_link(std::string_view line);  // without its newline

// "request" or an event's kind; empty when it is not where next_line() puts it.
std::string_view kind_of(std::string_view line);

}  // namespace paddock::server::audit
