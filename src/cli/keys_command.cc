// SPDX-License-Identifier: Apache-2.0
// paddock keys: who may use a server, how much, and what it costs.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "base/utc_time.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/csv.h"
#include "cli/keys_report.h"
#include "cli/time_options.h"
#include "cli/user_folders.h"
#include "server/auth/database.h"
#include "server/auth/key_table.h"
#include "server/auth/price_table.h"
#include "server/auth/usage_table.h"

namespace paddock::cli {
namespace {

namespace auth = server::auth;

constexpr const char* kKeysExamples = R"(Examples:
  paddock keys create --name web --requests-per-minute 60 --budget 25.00    prints the key, this once
  paddock keys list
  paddock keys limit web --tokens-per-day 1000000 --budget none
  paddock keys rotate web --overlap 1h                                      another secret; the old one for an hour more
  paddock keys revoke web
  paddock keys prices set --model scout --prompt 0.10 --cached 0.025 --output 0.40
  paddock keys usage --by key --csv

A server that uses the same database sees changes within a second. As soon as a key has been made, it asks for one.)";

struct KeysOptions {
  std::string database;
  std::string key;  // id or name
  bool json = false;
  // create and limit; what is missing stays as it is, "none" takes a limit away
  std::optional<std::string> name, expires;
  std::vector<std::string> scopes, models, routes;
  std::optional<std::string> requests_per_minute, tokens_per_minute, tokens_per_day, concurrent, budget;
  std::optional<std::string> images, image_bytes, image_pixels, image_tiles;
  // rotate
  std::string overlap = "0s";
  // usage
  std::string by;
  std::string from, to;
  bool csv = false;
  // prices set
  std::string model, prompt, cached, output;
};

int64_t now_ns() { return system_time().utc_ns(); }

Result<auth::Database> open_keys(const KeysOptions& options, auth::Database::Mode mode) {
  const auto path = options.database.empty() ? key_database() : user_path(options.database);
  if (path.empty())
    return error(ErrorCode::kInvalidArgument,
                 "no folder for the key database is known, because HOME is not set; give --database");
  return auth::Database::open(path, {.mode = mode});
}

Result<void> print_value(const Json& value) {
  return print(value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

// A whole number, or "none".
Result<void> set_limit(const std::optional<std::string>& text, const char* option, std::optional<int64_t>* limit) {
  if (!text) return {};
  limit->reset();
  if (*text == "none") return {};
  int64_t value = 0;
  const auto [stop, problem] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (problem != std::errc() || stop != text->data() + text->size() || value < 0)
    return error(ErrorCode::kInvalidArgument, "{}: expected a whole number from 0 or none, found \"{}\"", option,
                 *text);
  *limit = value;
  return {};
}

// The same, or a size as 500K, as servers take it.
Result<void> set_size_limit(std::optional<std::string> text, const char* option, std::optional<int64_t>* limit) {
  if (text && *text != "none") CLI::AsSizeValue(false)(*text);  // what is none stays as it is
  return set_limit(text, option, limit);
}

Result<int64_t> parse_price(const std::string& text, const char* option) {
  if (const auto micros = auth::parse_micros(text)) return *micros;
  return error(ErrorCode::kInvalidArgument,
               "{}: expected an amount of money as 25 or 0.0375, with 6 digits after the point at most, "
               "found \"{}\"",
               option, text);
}

Result<void> apply_options(const KeysOptions& options, auth::Key* key) {
  if (options.name) key->name = *options.name;
  if (options.expires && *options.expires == "none")
    key->expires_ns.reset();
  else if (options.expires)
    key->expires_ns = TRY(parse_moment_or_span(*options.expires, now_ns(), "--expires"));
  if (!options.scopes.empty()) key->scopes.clear();
  for (const std::string& name : options.scopes)
    if (const auto scope = *auth::scope_named(name); !key->has(scope)) key->scopes.push_back(scope);
  if (!options.models.empty()) key->models = options.models;
  if (!options.routes.empty()) key->routes = options.routes;
  auth::Limits& limits = key->limits;
  TRY_VOID(set_limit(options.requests_per_minute, "--requests-per-minute", &limits.requests_per_minute));
  TRY_VOID(set_limit(options.tokens_per_minute, "--tokens-per-minute", &limits.tokens_per_minute));
  TRY_VOID(set_limit(options.tokens_per_day, "--tokens-per-day", &limits.tokens_per_day));
  TRY_VOID(set_limit(options.concurrent, "--concurrent", &limits.concurrent_requests));
  auth::PictureLimits& pictures = key->pictures;
  TRY_VOID(set_limit(options.images, "--images", &pictures.images));
  TRY_VOID(set_size_limit(options.image_bytes, "--image-bytes", &pictures.bytes));
  TRY_VOID(set_limit(options.image_pixels, "--image-pixels", &pictures.pixels));
  TRY_VOID(set_limit(options.image_tiles, "--image-tiles", &pictures.tiles));
  if (!options.budget) return {};
  limits.budget_micros.reset();
  if (*options.budget != "none") limits.budget_micros = TRY(parse_price(*options.budget, "--budget"));
  return {};
}

Result<void> note_missing_prices(auth::Database* database, const auth::Limits& limits) {
  if (limits.budget_micros && TRY(auth::all_prices(database)).empty())
    note("no prices are set, so that nothing costs money yet: see paddock keys prices set --help");
  return {};
}

// The secret alone goes to standard output, so that it can be put where it is needed without being seen.
Result<void> tell_secret(const KeysOptions& options, const auth::Key& key, const std::string& secret) {
  if (!options.json) {
    note("key {} ({}): its text is shown this once", key.name, key.id);
    return print(secret + "\n");
  }
  Json json = key_json(key, now_ns());
  json["key"] = secret;
  return print_value(json);
}

Result<void> create(const KeysOptions& options) {
  auth::Key key{.scopes = {auth::Scope::kInference}};
  TRY_VOID(apply_options(options, &key));
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kCreate));
  const auth::NewSecret secret = TRY(auth::create_key(&database, key, now_ns()));
  TRY_VOID(note_missing_prices(&database, key.limits));
  return tell_secret(options, TRY(auth::find_key(&database, secret.id)), secret.text);
}

Result<void> list(const KeysOptions& options) {
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  const std::vector<auth::Key> keys = TRY(auth::all_keys(&database));
  if (!options.json) return print(keys_text(keys, now_ns()));
  Json json = Json::array();
  for (const auth::Key& key : keys) json.push_back(key_json(key, now_ns()));
  return print_value(json);
}

Result<void> show(const KeysOptions& options) {
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  const auth::Key key = TRY(auth::find_key(&database, options.key));
  auth::UsageSum used;
  for (const auth::UsageRow& row : TRY(auth::read_usage(&database, {.key_id = key.id}))) used += row.sum;
  if (!options.json) return print(key_text(key, used, now_ns()));
  Json json = key_json(key, now_ns());
  json["used"] = usage_json({{{}, used}}, {false, false, false}, {}).front();
  return print_value(json);
}

Result<void> revoke(const KeysOptions& options) {
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  const auth::Key key = TRY(auth::revoke_key(&database, options.key, now_ns()));
  if (options.json) return print_value(key_json(key, now_ns()));
  note("key {} ({}) is revoked", key.name, key.id);
  return {};
}

Result<void> rotate(const KeysOptions& options) {
  const int64_t overlap = TRY(parse_span(options.overlap, "--overlap"));
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  const auth::NewSecret secret = TRY(auth::rotate_key(&database, options.key, now_ns(), overlap));
  return tell_secret(options, TRY(auth::find_key(&database, secret.id)), secret.text);
}

Result<void> limit(const KeysOptions& options) {
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  auth::Key key = TRY(auth::find_key(&database, options.key));
  TRY_VOID(apply_options(options, &key));
  TRY_VOID(auth::change_key(&database, key));
  TRY_VOID(note_missing_prices(&database, key.limits));
  return options.json ? print_value(key_json(key, now_ns())) : print(keys_text({key}, now_ns()));
}

Result<void> usage(const KeysOptions& options) {
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  auth::UsageWish wish;
  if (!options.key.empty()) wish.key_id = TRY(auth::find_key(&database, options.key)).id;
  if (!options.from.empty()) wish.from = format_utc_day(TRY(parse_moment(options.from, "--from")));
  if (!options.to.empty()) wish.to = format_utc_day(TRY(parse_moment(options.to, "--to")));
  UsageColumns columns;
  if (!options.by.empty()) columns = {options.by == "day", options.by == "key", options.by == "model"};
  KeyNames names;
  for (const auth::Key& key : TRY(auth::all_keys(&database))) names[key.id] = key.name;
  const auto rows = sum_usage(TRY(auth::read_usage(&database, wish)), columns);
  if (options.json) return print_value(usage_json(rows, columns, names));
  const auto table = usage_table(rows, columns, names);
  if (!options.csv) return print(table_text(table));
  std::string text;
  for (const auto& row : table) text += csv_line(row);
  return print(text);
}

Result<void> set_prices(const KeysOptions& options) {
  auth::Prices prices;
  prices.prompt = TRY(parse_price(options.prompt, "--prompt"));
  prices.cached = options.cached.empty() ? prices.prompt : TRY(parse_price(options.cached, "--cached"));
  prices.output = TRY(parse_price(options.output, "--output"));
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kCreate));
  return auth::set_prices(&database, options.model, prices);
}

Result<void> list_prices(const KeysOptions& options) {
  auth::Database database = TRY(open_keys(options, auth::Database::Mode::kExisting));
  const auth::PriceList prices = TRY(auth::all_prices(&database));
  return options.json ? print_value(prices_json(prices)) : print(prices_text(prices));
}

// One of the commands below `paddock keys`.
class KeysCommands {
 public:
  KeysCommands(CLI::App* parent, Action* chosen) : parent_(parent), chosen_(chosen) {}

  CLI::App& add(const char* name, const char* description, Result<void> (*run)(const KeysOptions&)) {
    CLI::App& command = *parent_->add_subcommand(name, description);
    command.add_option("--database", options_->database,
                       "the file of keys, prices and usage; otherwise keys.db in this user's state folder");
    command.callback(
        [options = options_, chosen = chosen_, run] { *chosen = [options, run] { return run(*options); }; });
    return command;
  }
  void add_json(CLI::App& command) { command.add_flag("--json", options_->json, "print JSON"); }
  void add_key(CLI::App& command) { command.add_option("KEY", options_->key, "the key's id or name")->required(); }
  KeysOptions& options() { return *options_; }
  void set_parent(CLI::App* parent) { parent_ = parent; }

 private:
  CLI::App* parent_;
  Action* chosen_;
  std::shared_ptr<KeysOptions> options_ = std::make_shared<KeysOptions>();
};

void add_key_settings(CLI::App& command, KeysOptions* options) {
  command.add_option("--scope", options->scopes, "inference, read-only or admin; may be given several times")
      ->check(CLI::IsMember({"inference", "read-only", "admin"}))
      ->allow_extra_args(false);
  command
      .add_option("--model", options->models,
                  "a model it may use, or a beginning as \"scout-*\"; several times; otherwise all")
      ->allow_extra_args(false);
  command
      .add_option("--route", options->routes,
                  "a path it may use, or a beginning as \"/v1/chat/*\"; several times; otherwise all")
      ->allow_extra_args(false);
  command.add_option("--expires", options->expires, "when it ends: a span as 30d, or a date; none: never");
  command.add_option("--requests-per-minute", options->requests_per_minute, "in every 60 seconds; none: no limit");
  command.add_option("--tokens-per-minute", options->tokens_per_minute, "of prompts and answers; none: no limit");
  command.add_option("--tokens-per-day", options->tokens_per_day, "of UTC; none: no limit");
  command.add_option("--concurrent", options->concurrent, "requests at the same time; none: no limit");
  command.add_option("--budget", options->budget, "money that all its requests may cost, as 25.00; none: no limit");
  command.add_option("--images", options->images, "pictures of a request; none: as many as the server allows");
  command.add_option("--image-bytes", options->image_bytes, "of a picture's file, as 500K; none: the server's limit");
  command.add_option("--image-pixels", options->image_pixels, "of a picture; none: the server's limit");
  command.add_option("--image-tiles", options->image_tiles, "of a request's pictures; none: the server's limit");
}

void add_price_commands(KeysCommands* commands, CLI::App* keys) {
  CLI::App& prices = *keys->add_subcommand("prices", "what tokens cost");
  prices.require_subcommand(1);
  commands->set_parent(&prices);
  KeysOptions& options = commands->options();
  CLI::App& set =
      commands->add("set", "the prices of a model, for a million tokens; at once for requests to come", set_prices);
  set.add_option("--model", options.model, "the model's name; * is every model without prices of its own")->required();
  set.add_option("--prompt", options.prompt, "of tokens of prompts")->required();
  set.add_option("--cached", options.cached, "of those that were in the cache; otherwise as all of the prompt");
  set.add_option("--output", options.output, "of tokens of answers")->required();
  commands->add_json(commands->add("list", "the prices of all models", list_prices));
}

}  // namespace

void add_keys_command(CLI::App& program, Action* chosen) {
  CLI::App& keys = *program.add_subcommand("keys", "who may use a server, how much, and what it costs");
  keys.require_subcommand(1);
  keys.footer(kKeysExamples);
  KeysCommands commands(&keys, chosen);
  KeysOptions& options = commands.options();

  CLI::App& making = commands.add("create", "makes a key and prints it, this once", create);
  making.add_option("--name", options.name, "what people call it")->required();
  add_key_settings(making, &options);
  commands.add_json(making);

  commands.add_json(commands.add("list", "all keys, those that are revoked too", list));
  CLI::App& changing = commands.add("limit", "changes what a key may do; what is not named stays", limit);
  add_key_settings(changing, &options);
  changing.add_option("--name", options.name, "another name");
  CLI::App& rotating = commands.add("rotate", "prints another secret for a key; the old one stops", rotate);
  rotating.add_option("--overlap", options.overlap, "how long the old one stays good, as 1h")->capture_default_str();
  for (CLI::App* command : {&commands.add("show", "one key and what it has used", show), &rotating, &changing,
                            &commands.add("revoke", "ends a key for good", revoke)}) {
    commands.add_key(*command);
    commands.add_json(*command);
  }

  CLI::App& billing = commands.add("usage", "requests, tokens and money, by day, key and model", usage);
  billing.add_option("KEY", options.key, "of this key alone: its id or name");
  billing.add_option("--by", options.by, "add everything up by day, key or model")
      ->check(CLI::IsMember({"day", "key", "model"}));
  billing.add_option("--from", options.from, "the first day, as 2027-01-31, in UTC");
  billing.add_option("--to", options.to, "the last day");
  auto* json = billing.add_flag("--json", options.json, "print a JSON array");
  billing.add_flag("--csv", options.csv, "print comma-separated values")->excludes(json);

  add_price_commands(&commands, &keys);
}

}  // namespace paddock::cli
