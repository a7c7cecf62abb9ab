// SPDX-License-Identifier: Apache-2.0
#include "server/audit/record.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/utc_time.h"
#include "base/utf8.h"
#include "server/auth/api_key.h"

namespace paddock::server::audit {
namespace {

constexpr std::string_view kSequenceBegin = "{\"sequence\":";
constexpr std::string_view kPreviousBegin = ",\"previous\":\"";
constexpr std::string_view kHashBegin = ",\"hash\":\"";
constexpr size_t kHexLength = 64;
constexpr size_t kHashPart = kHashBegin.size() + kHexLength + 2;          // with the closing quote and brace
constexpr size_t kPreviousPart = kPreviousBegin.size() + kHexLength + 1;  // with the closing quote
constexpr size_t kMostSequenceDigits = 15;

// Whoever keeps more than this of one text keeps its hash instead: lines have to be read whole.
constexpr size_t kMostText = size_t{64} << 20;

std::string dumped(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string clean(std::string_view text) {
  std::string redacted = auth::redact_api_keys(text);
  return is_valid_utf8(redacted) ? redacted : replace_invalid_utf8(redacted);
}

// The parameters come from outside, and their texts may hold a key as a prompt may.
Json clean_json(const Json& value) {
  const std::string text = dumped(value);
  if (text.find(auth::kKeyPrefix) == std::string::npos) return value;
  auto parsed = parse_json(auth::redact_api_keys(text), "parameters");
  return parsed ? std::move(*parsed) : Json::object();
}

void add_text(Json* content, const char* name, const std::string& text, ContentPolicy policy) {
  if (policy == ContentPolicy::kFull && text.size() <= kMostText)
    (*content)[name] = clean(text);
  else
    (*content)[std::string(name) + "_sha256"] = to_hex(sha256(text));
}

std::optional<int64_t> read_sequence(std::string_view line) {
  if (!line.starts_with(kSequenceBegin)) return std::nullopt;
  const std::string_view rest = line.substr(kSequenceBegin.size(), kMostSequenceDigits + 1);
  const size_t length = rest.find(',');
  if (length == std::string_view::npos || length == 0 || rest.front() == '0') return std::nullopt;
  int64_t sequence = 0;
  for (const char digit : rest.substr(0, length)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    sequence = sequence * 10 + (digit - '0');
  }
  return sequence;
}

}  // namespace

std::optional<ContentPolicy> content_policy_named(std::string_view name) {
  if (name == "none") return ContentPolicy::kNone;
  if (name == "hash") return ContentPolicy::kHash;
  if (name == "full") return ContentPolicy::kFull;
  return std::nullopt;
}

std::string members_of(const Record& record, ContentPolicy policy) {
  Json members = {{"kind", "request"},
                  {"key", clean(record.key_id)},
                  {"route", clean(record.route)},
                  {"model", clean(record.model)},
                  {"parameters", clean_json(record.parameters)},
                  {"prompt_tokens", record.prompt_tokens},
                  {"cached_tokens", record.cached_tokens},
                  {"output_tokens", record.output_tokens},
                  {"finish_reason", clean(record.finish_reason)},
                  {"status", record.http_status},
                  {"latency_us", record.latency_us},
                  {"client", clean(record.client_address)}};
  if (policy == ContentPolicy::kNone) return dumped(members);
  Json content = Json::object();
  add_text(&content, "prompt", record.prompt, policy);
  add_text(&content, "output", record.output, policy);
  members["content"] = std::move(content);
  return dumped(members);
}

std::string members_of(const Event& event) {
  Json members = {{"kind", event.kind}};
  members.update(event.details);
  return dumped(members);
}

std::string next_line(std::string_view members, int64_t time_ns, Link* last) {
  std::string line = fmt::format("{}{},\"time\":\"{}\",{}", kSequenceBegin, last->sequence + 1, format_utc(time_ns, 9),
                                 members.substr(1, members.size() - 2));
  line.append(kPreviousBegin).append(to_hex(last->hash)).append("\"");
  *last = {last->sequence + 1, sha256(line)};
  return line.append(kHashBegin).append(to_hex(last->hash)).append("\"}\n");
}

std::optional<ReadLink> read_link(std::string_view line) {
  const auto sequence = read_sequence(line);
  if (!sequence || line.size() < kHashPart + kPreviousPart || !line.ends_with("\"}")) return std::nullopt;
  const std::string_view hashed = line.substr(0, line.size() - kHashPart);
  const std::string_view hash_part = line.substr(hashed.size());
  if (!hash_part.starts_with(kHashBegin) || hashed.size() < kPreviousPart || !hashed.ends_with('"'))
    return std::nullopt;
  const std::string_view previous_part = hashed.substr(hashed.size() - kPreviousPart);
  if (!previous_part.starts_with(kPreviousBegin)) return std::nullopt;
  const auto hash = digest_from_hex(hash_part.substr(kHashBegin.size(), kHexLength));
  const auto previous = digest_from_hex(previous_part.substr(kPreviousBegin.size(), kHexLength));
  if (!hash || !previous) return std::nullopt;
  return ReadLink{*sequence, *previous, *hash, sha256(hashed) == *hash};
}

std::string_view kind_of(std::string_view line) {
  constexpr std::string_view kKindBegin = ",\"kind\":\"";
  const size_t found = line.find(kKindBegin);  // before it stand only numbers and the time
  if (found == std::string_view::npos) return {};
  const std::string_view rest = line.substr(found + kKindBegin.size());
  const size_t end = rest.find('"');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

}  // namespace paddock::server::audit
