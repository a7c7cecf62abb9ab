// SPDX-License-Identifier: Apache-2.0
#include "server/auth/key_store.h"

#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/utc_time.h"
#include "server/auth/api_key.h"
#include "server/auth/database.h"
#include "server/auth/forward_time.h"
#include "server/auth/key_table.h"
#include "server/auth/price_table.h"
#include "server/auth/usage_table.h"

namespace paddock::server::auth {
namespace {

constexpr std::chrono::milliseconds kServerPatience{2000};  // a request waits no longer for another process
constexpr int64_t kNsInMs = 1'000'000;

const std::string kNobody;

tl::unexpected<Refusal> bad_key(Reason reason) {
  const char* message =
      reason == Reason::kExpired ? "The API key has expired." : "The API key is missing or not valid.";
  return tl::unexpected(Refusal{reason, 401, message, std::nullopt});
}

Refusal cannot_write() {
  return {Reason::kStore, 503, "The server cannot write down the request's usage at the moment.", 1000};
}

using Keys = std::unordered_map<std::string, std::shared_ptr<const Key>>;  // by id

}  // namespace

const std::string& Principal::key_id() const { return key_ == nullptr ? kNobody : key_->id; }
const std::string& Principal::name() const { return key_ == nullptr ? kNobody : key_->name; }

// Everything behind one lock: a request comes here three times, for some ten microseconds each.
class KeyStore::State {
 public:
  State(Database database, const TimeSource& time)
      : database_(std::move(database)), time_(time), forward_(time), checked_ns_(time.steady_ns()) {}
  ~State() {
    if (const auto flushed = flush(); !flushed) log_warning("{}", flushed.error().message);
  }

  bool any_keys() {
    const std::lock_guard lock(mutex_);
    refresh();
    return !keys_.empty();
  }

  std::shared_ptr<const Key> find(const std::string& id) {
    const std::lock_guard lock(mutex_);
    refresh();
    const auto found = keys_.find(id);
    return found == keys_.end() ? nullptr : found->second;
  }

  int64_t utc_ns() const { return time_.utc_ns(); }

  tl::expected<Grant, Refusal> begin(const Principal& principal, std::string_view model, const Demand& demand);
  Result<void> finish(const Principal& principal, const std::string& model, const Grant& grant, const Usage* usage);
  LimitState state(const Principal& principal);

  Result<void> reload() {
    const std::lock_guard lock(mutex_);
    return read_all();
  }
  Result<void> flush() {
    const std::lock_guard lock(mutex_);
    TRY_VOID(write_all());
    return database_.checkpoint();
  }
  int64_t unwritten_requests() {
    const std::lock_guard lock(mutex_);
    int64_t count = 0;
    for (const auto& [of, sum] : unwritten_) count += sum.requests;
    return count;
  }

 private:
  // The functions below are called with the lock held.
  Result<void> read_all();
  void refresh();
  Result<bool> has_changed();
  // The key as the command line may have changed it since the principal was made.
  const Key* current(const Principal& principal) const {
    const auto found = keys_.find(principal.key_id());
    return found == keys_.end() ? principal.key() : found->second.get();
  }
  Result<Account*> account_of(const std::string& key_id);
  Result<void> write_account(const std::string& key_id, const Account& account);
  Result<void> write_all();
  void checkpoint_sometimes();

  std::mutex mutex_;
  Database database_;
  const TimeSource& time_;
  ForwardTime forward_;
  int64_t checked_ns_;           // by the steady clock: when another process's changes were last looked for
  int64_t checkpointed_ns_ = 0;  // by the same
  int64_t data_version_ = -1;    // of SQLite: rises when another process commits
  int64_t generation_ = -1;      // of keys and prices
  Keys keys_;
  PriceList prices_;
  std::unordered_map<std::string, Account> accounts_;  // of keys that have been used
  // What is not in the database yet; empty while it can be written.
  std::map<UsageOf, UsageSum> unwritten_;
  std::map<std::string, const Account*> changed_;
};

Result<void> KeyStore::State::read_all() {
  const int64_t data_version = TRY(database_.number("PRAGMA data_version"));
  const int64_t generation = TRY(database_.number("SELECT number FROM generation"));
  std::vector<Key> keys = TRY(all_keys(&database_));
  prices_ = TRY(all_prices(&database_));
  keys_.clear();
  for (Key& key : keys) {
    std::string id = key.id;
    keys_.emplace(std::move(id), std::make_shared<const Key>(std::move(key)));
  }
  data_version_ = data_version;  // older than what was read, or the same: a change between is looked at again
  generation_ = generation;
  return {};
}

Result<bool> KeyStore::State::has_changed() {
  const int64_t data_version = TRY(database_.number("PRAGMA data_version"));
  if (data_version == data_version_) return false;
  const int64_t generation = TRY(database_.number("SELECT number FROM generation"));
  data_version_ = data_version;
  return generation != generation_;
}

void KeyStore::State::refresh() {
  const int64_t now = time_.steady_ns();
  if (now - checked_ns_ < kRefreshMs * kNsInMs) return;
  checked_ns_ = now;
  const auto changed = has_changed();
  const Result<void> read = changed && *changed ? read_all() : Result<void>{};
  if (!changed) log_warning("{}", changed.error().message);
  if (!read) {
    data_version_ = -1;
    log_warning("{}", read.error().message);
  }
}

Result<Account*> KeyStore::State::account_of(const std::string& key_id) {
  const auto known = accounts_.find(key_id);
  if (known != accounts_.end()) return &known->second;
  Statement row = TRY(
      database_.prepare("SELECT minute, day_end, day_tokens, spent_micros, spent_picos FROM account WHERE key_id = ?"));
  Account account;
  if (TRY(row.bind(key_id).row()))
    account = Account({row.text(0), row.integer(1), row.integer(2), Money::of_parts(row.integer(3), row.integer(4))},
                      forward_.now_ns());
  return &accounts_.emplace(key_id, std::move(account)).first->second;
}

Result<void> KeyStore::State::write_account(const std::string& key_id, const Account& account) {
  const Account::Stored stored = account.stored();
  return database_.run(
      "INSERT OR REPLACE INTO account (key_id, minute, day_end, day_tokens, spent_micros, spent_picos) "
      "VALUES (?, CAST(? AS BLOB), ?, ?, ?, ?)",
      key_id, stored.minute, stored.day_end_ns, stored.day_tokens, stored.spent.micros(), stored.spent.picos());
}

// All or nothing: what could not be written stays for the next time.
Result<void> KeyStore::State::write_all() {
  if (unwritten_.empty() && changed_.empty()) return {};
  Transaction transaction = TRY(Transaction::begin(&database_));
  for (const auto& [key_id, account] : changed_) TRY_VOID(write_account(key_id, *account));
  for (const auto& [of, sum] : unwritten_) TRY_VOID(add_usage(&database_, of, sum));
  TRY_VOID(transaction.commit());
  unwritten_.clear();
  changed_.clear();
  checkpoint_sometimes();
  return {};
}

void KeyStore::State::checkpoint_sometimes() {
  const int64_t now = time_.steady_ns();
  if (now - checkpointed_ns_ < kCheckpointMs * kNsInMs) return;
  checkpointed_ns_ = now;
  if (const auto done = database_.checkpoint(); !done) log_warning("{}", done.error().message);
}

tl::expected<Grant, Refusal> KeyStore::State::begin(const Principal& principal, std::string_view model,
                                                    const Demand& demand) {
  const std::lock_guard lock(mutex_);
  refresh();
  const Prices prices = prices_of(prices_, model);
  if (principal.is_anonymous()) return Account().begin(demand, {}, prices, forward_.now_ns());
  const auto account = account_of(principal.key_id());
  if (!account) {
    log_warning("{}", account.error().message);
    return tl::unexpected(cannot_write());
  }
  const Limits& limits = current(principal)->limits;
  auto grant = (*account)->begin(demand, limits, prices, forward_.now_ns());
  if (!grant || !(limits.requests_per_minute || limits.tokens_per_minute)) return grant;
  // The window of the minute must outlive the process before the request begins.
  changed_[principal.key_id()] = *account;
  if (const auto written = write_all(); !written) {
    log_warning("{}", written.error().message);
    (*account)->take_back(*grant);
    return tl::unexpected(cannot_write());
  }
  return grant;
}

Result<void> KeyStore::State::finish(const Principal& principal, const std::string& model, const Grant& grant,
                                     const Usage* usage) {
  const std::lock_guard lock(mutex_);
  const Usage used = usage == nullptr ? Usage{} : sane_usage(*usage);
  const Money cost = cost_of(used, prices_of(prices_, model));
  if (!principal.is_anonymous()) {
    const auto account = accounts_.find(principal.key_id());
    CHECK(account != accounts_.end());  // begin() has made it
    account->second.settle(grant, used, cost, forward_.now_ns());
    changed_[principal.key_id()] = &account->second;
  }
  if (usage != nullptr)
    unwritten_[{format_utc_day(time_.utc_ns()), principal.key_id(), model}] += UsageSum{1, used, cost};
  return write_all();
}

LimitState KeyStore::State::state(const Principal& principal) {
  const std::lock_guard lock(mutex_);
  if (principal.is_anonymous()) return {};
  const auto account = account_of(principal.key_id());
  return account ? (*account)->state(current(principal)->limits, forward_.now_ns()) : LimitState{};
}

KeyStore::KeyStore(std::shared_ptr<State> state) : state_(std::move(state)) {}
KeyStore::~KeyStore() = default;

Result<std::unique_ptr<KeyStore>> KeyStore::open(const std::filesystem::path& path, const TimeSource& time) {
  Database database =
      TRY(Database::open(path, {Database::Mode::kCreate, Database::Durability::kProcess, kServerPatience}));
  auto state = std::make_shared<State>(std::move(database), time);
  TRY_VOID(state->reload());
  return std::unique_ptr<KeyStore>(new KeyStore(std::move(state)));
}

bool KeyStore::any_keys() { return state_->any_keys(); }

tl::expected<Principal, Refusal> KeyStore::authenticate(std::string_view presented) {
  const auto parsed = parse_api_key(presented);
  if (!parsed) return bad_key(parsed.error() == KeyFault::kMistyped ? Reason::kMistyped : Reason::kMalformed);
  static const auto nobodys_key = std::make_shared<const Key>();
  const std::shared_ptr<const Key> found = state_->find(parsed->id);
  const Key& key = found == nullptr ? *nobodys_key : *found;
  const int64_t now = state_->utc_ns();
  // All comparisons are made whatever the others give.
  const bool is_new = equal_in_constant_time(parsed->hash, key.hash);
  const bool is_old = equal_in_constant_time(parsed->hash, key.old_hash.value_or(Digest{}));
  if (found == nullptr || !(is_new || is_old)) return bad_key(Reason::kUnknown);
  if (key.revoked_ns || (!is_new && now >= key.old_until_ns)) return bad_key(Reason::kRevoked);
  if (key.is_expired(now)) return bad_key(Reason::kExpired);
  return Principal(found);
}

tl::expected<Permit, Refusal> KeyStore::try_begin(const Principal& principal, std::string_view model,
                                                  const Demand& demand) {
  auto grant = state_->begin(principal, model, demand);
  if (!grant) return tl::unexpected(std::move(grant).error());
  return Permit(state_, principal, std::string(model), *grant);
}

LimitState KeyStore::state(const Principal& principal) { return state_->state(principal); }
Result<void> KeyStore::reload() { return state_->reload(); }
Result<void> KeyStore::flush() { return state_->flush(); }
int64_t KeyStore::unwritten_requests() { return state_->unwritten_requests(); }

Permit::Permit(std::shared_ptr<KeyStore::State> state, Principal principal, std::string model, const Grant& grant)
    : state_(std::move(state)), principal_(std::move(principal)), model_(std::move(model)), grant_(grant) {}
Permit::Permit(Permit&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)),
      principal_(std::move(other.principal_)),
      model_(std::move(other.model_)),
      grant_(other.grant_) {}
Permit& Permit::operator=(Permit&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(principal_, other.principal_);
  std::swap(model_, other.model_);
  std::swap(grant_, other.grant_);
  return *this;
}

Permit::~Permit() {
  if (state_ == nullptr) return;
  const auto finished = state_->finish(principal_, model_, grant_, nullptr);
  if (!finished) log_warning("{}", finished.error().message);
}

Result<void> Permit::finish(const Usage& usage) {
  CHECK(state_ != nullptr);
  const auto state = std::exchange(state_, nullptr);
  return state->finish(principal_, model_, grant_, &usage);
}

}  // namespace paddock::server::auth
