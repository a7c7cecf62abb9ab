// SPDX-License-Identifier: Apache-2.0
#include "cli/keys_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utc_time.h"

namespace paddock::cli {
namespace {

using server::auth::Key;
using server::auth::Limits;
using server::auth::PriceList;
using server::auth::UsageRow;
using server::auth::UsageSum;

std::vector<std::string> scope_names(const Key& key) {
  std::vector<std::string> names;
  for (const auto scope : key.scopes) names.emplace_back(server::auth::name_of(scope));
  return names;
}

std::string joined(const std::vector<std::string>& items) {
  return items.empty() ? "all" : fmt::format("{}", fmt::join(items, ", "));
}

// "60 requests/min, 3 images, 25.00 budget"
std::string limit_list(const Key& key) {
  const Limits& limits = key.limits;
  std::vector<std::string> parts;
  const auto add = [&](const std::optional<int64_t>& limit, const char* unit) {
    if (limit) parts.push_back(fmt::format("{} {}", *limit, unit));
  };
  add(limits.requests_per_minute, "requests/min");
  add(limits.tokens_per_minute, "tokens/min");
  add(limits.tokens_per_day, "tokens/day");
  add(limits.concurrent_requests, "at once");
  add(key.pictures.images, "images");
  add(key.pictures.bytes, "bytes/image");
  add(key.pictures.pixels, "pixels/image");
  add(key.pictures.tiles, "image tiles");
  if (limits.budget_micros) parts.push_back(server::auth::format_micros(*limits.budget_micros) + " budget");
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

// That is still good.
bool has_old_secret(const Key& key, int64_t now_ns) {
  return key.old_hash && key.old_until_ns > now_ns && !key.revoked_ns;
}

std::string moment_text(const std::optional<int64_t>& moment_ns) {
  return moment_ns ? format_utc(*moment_ns) : "never";
}

Json maybe(const std::optional<int64_t>& value) { return value ? Json(*value) : Json(); }
Json maybe_moment(const std::optional<int64_t>& moment_ns) { return moment_ns ? Json(format_utc(*moment_ns)) : Json(); }

std::string name_of_key(const KeyNames& names, const std::string& id) {
  const auto name = names.find(id);
  return name == names.end() ? "" : name->second;
}

// Characters, not bytes, as far as a terminal's columns go.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.empty() ? 0 : rows.front().size(), 0);
  for (const auto& row : rows)
    for (size_t column = 0; column < widths.size(); ++column)
      widths[column] = std::max(widths[column], width_of(row[column]));
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t column = 0; column < widths.size(); ++column) {
      line += row[column];
      if (column + 1 < widths.size()) line += std::string(widths[column] - width_of(row[column]) + 2, ' ');
    }
    text += line + "\n";
  }
  return text;
}

std::string keys_text(const std::vector<Key>& keys, int64_t now_ns) {
  std::vector<std::vector<std::string>> rows = {{"id", "name", "state", "scopes", "expires", "limits"}};
  for (const Key& key : keys)
    rows.push_back({key.id, key.name, std::string(state_of(key, now_ns)), joined(scope_names(key)),
                    moment_text(key.expires_ns), limit_list(key)});
  return table_text(rows);
}

std::string key_text(const Key& key, const UsageSum& used, int64_t now_ns) {
  std::vector<std::vector<std::string>> rows = {{"id", key.id},
                                                {"name", key.name},
                                                {"state", std::string(state_of(key, now_ns))},
                                                {"scopes", joined(scope_names(key))},
                                                {"models", joined(key.models)},
                                                {"routes", joined(key.routes)},
                                                {"limits", limit_list(key)},
                                                {"created", format_utc(key.created_ns)},
                                                {"expires", moment_text(key.expires_ns)}};
  if (key.rotated_ns) rows.push_back({"rotated", format_utc(*key.rotated_ns)});
  if (has_old_secret(key, now_ns)) rows.push_back({"old secret", "good until " + format_utc(key.old_until_ns)});
  if (key.revoked_ns) rows.push_back({"revoked", format_utc(*key.revoked_ns)});
  rows.push_back({"used", fmt::format("{} requests, {} prompt tokens ({} cached), {} output tokens, {}", used.requests,
                                      used.usage.prompt_tokens, used.usage.cached_tokens, used.usage.output_tokens,
                                      used.cost.to_string())});
  return table_text(rows);
}

Json key_json(const Key& key, int64_t now_ns) {
  const Limits& limits = key.limits;
  const bool has_old = has_old_secret(key, now_ns);
  return {{"id", key.id},
          {"name", key.name},
          {"state", state_of(key, now_ns)},
          {"scopes", scope_names(key)},
          {"models", key.models},
          {"routes", key.routes},
          {"created", format_utc(key.created_ns)},
          {"expires", maybe_moment(key.expires_ns)},
          {"revoked", maybe_moment(key.revoked_ns)},
          {"rotated", maybe_moment(key.rotated_ns)},
          {"old_secret_until", has_old ? Json(format_utc(key.old_until_ns)) : Json()},
          {"limits",
           {{"requests_per_minute", maybe(limits.requests_per_minute)},
            {"tokens_per_minute", maybe(limits.tokens_per_minute)},
            {"tokens_per_day", maybe(limits.tokens_per_day)},
            {"concurrent_requests", maybe(limits.concurrent_requests)},
            {"images", maybe(key.pictures.images)},
            {"image_bytes", maybe(key.pictures.bytes)},
            {"image_pixels", maybe(key.pictures.pixels)},
            {"image_tiles", maybe(key.pictures.tiles)},
            {"budget", limits.budget_micros ? Json(server::auth::format_micros(*limits.budget_micros)) : Json()}}}};
}

std::string prices_text(const PriceList& prices) {
  std::vector<std::vector<std::string>> rows = {{"model", "prompt", "cached", "output"}};
  for (const auto& [model, price] : prices)
    rows.push_back({model, server::auth::format_micros(price.prompt), server::auth::format_micros(price.cached),
                    server::auth::format_micros(price.output)});
  return table_text(rows);
}

Json prices_json(const PriceList& prices) {
  Json list = Json::array();
  for (const auto& [model, price] : prices)
    list.push_back({{"model", model},
                    {"prompt", server::auth::format_micros(price.prompt)},
                    {"cached", server::auth::format_micros(price.cached)},
                    {"output", server::auth::format_micros(price.output)}});
  return list;
}

std::vector<UsageRow> sum_usage(const std::vector<UsageRow>& rows, const UsageColumns& columns) {
  std::map<server::auth::UsageOf, UsageSum> sums;
  for (const UsageRow& row : rows)
    sums[{columns.day ? row.of.day : "", columns.key ? row.of.key_id : "", columns.model ? row.of.model : ""}] +=
        row.sum;
  std::vector<UsageRow> summed;
  for (const auto& [of, sum] : sums) summed.push_back({of, sum});
  return summed;
}

std::vector<std::vector<std::string>> usage_table(const std::vector<UsageRow>& rows, const UsageColumns& columns,
                                                  const KeyNames& names) {
  std::vector<std::vector<std::string>> table;
  const auto add = [&](std::string day, std::string key, std::string name, std::string model,
                       std::vector<std::string> sums) {
    std::vector<std::string> row;
    if (columns.day) row.push_back(std::move(day));
    if (columns.key) row.push_back(std::move(key)), row.push_back(std::move(name));
    if (columns.model) row.push_back(std::move(model));
    row.insert(row.end(), sums.begin(), sums.end());
    table.push_back(std::move(row));
  };
  add("day", "key", "name", "model", {"requests", "prompt_tokens", "cached_tokens", "output_tokens", "cost"});
  for (const auto& [of, sum] : rows)
    add(of.day, of.key_id, name_of_key(names, of.key_id), of.model,
        {std::to_string(sum.requests), std::to_string(sum.usage.prompt_tokens), std::to_string(sum.usage.cached_tokens),
         std::to_string(sum.usage.output_tokens), sum.cost.to_string()});
  return table;
}

Json usage_json(const std::vector<UsageRow>& rows, const UsageColumns& columns, const KeyNames& names) {
  Json list = Json::array();
  for (const auto& [of, sum] : rows) {
    Json row = Json::object();
    if (columns.day) row["day"] = of.day;
    if (columns.key) row["key"] = of.key_id, row["name"] = name_of_key(names, of.key_id);
    if (columns.model) row["model"] = of.model;
    row["requests"] = sum.requests;
    row["prompt_tokens"] = sum.usage.prompt_tokens;
    row["cached_tokens"] = sum.usage.cached_tokens;
    row["output_tokens"] = sum.usage.output_tokens;
    row["cost"] = sum.cost.to_string();
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace paddock::cli
