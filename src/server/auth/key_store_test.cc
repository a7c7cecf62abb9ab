// SPDX-License-Identifier: Apache-2.0
// Keys, limits and usage in a file that a server and the command line share.

#include "server/auth/key_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/utc_time.h"
#include "server/auth/key_table.h"
#include "server/auth/manual_time.h"
#include "server/auth/price_table.h"
#include "server/auth/usage_table.h"

namespace paddock::server::auth {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class KeyStoreTest : public testing::Test {
 protected:
  KeyStoreTest() {
    std::string name = (fs::temp_directory_path() / "paddock-keys-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    scratch_ = name;
    path_ = scratch_ / "state" / "keys.db";
  }
  ~KeyStoreTest() override {
    ::umount2(path_.parent_path().c_str(), MNT_DETACH);  // of a test that ended early
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
  }

  std::unique_ptr<KeyStore> open() {
    auto store = KeyStore::open(path_, time_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  // As the command line does.
  Database administer() {
    auto database = Database::open(path_, {});
    EXPECT_TRUE(database) << database.error().message;
    return std::move(*database);
  }
  static Key key_named(const std::string& name, const Limits& limits = {}) {
    return {.name = name, .scopes = {Scope::kInference}, .limits = limits};
  }
  std::string create(const Key& key) {
    Database database = administer();
    const auto secret = create_key(&database, key, time_.utc_ns());
    EXPECT_TRUE(secret) << secret.error().message;
    return secret ? secret->text : "";
  }
  // Lets a running server look for changes.
  void moment() { time_.pass_ms(kRefreshMs); }

  static std::string_view reason_of(const auto& result) { return result ? "allowed" : name_of(result.error().reason); }

  ManualTime time_;
  fs::path scratch_, path_;
};

TEST_F(KeyStoreTest, WhoPresentsAKey) {
  const auto store = open();
  EXPECT_FALSE(store->any_keys());
  const std::string good = create(key_named("web")), expiring = create([] {
                                                       Key key = key_named("short");
                                                       key.expires_ns = *parse_utc("2026-11-23T13:00:00Z");
                                                       return key;
                                                     }());
  EXPECT_FALSE(store->any_keys());  // not looked yet
  moment();
  EXPECT_TRUE(store->any_keys());
  const auto principal = store->authenticate(good);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->name(), "web");
  EXPECT_EQ(principal->key_id(), good.substr(4, 12));

  std::string typo = good;
  typo[30] = typo[30] == 'a' ? 'b' : 'a';
  EXPECT_EQ(reason_of(store->authenticate(typo)), "mistyped_key");
  EXPECT_EQ(reason_of(store->authenticate("")), "malformed_key");
  EXPECT_EQ(reason_of(store->authenticate("sk-1234")), "malformed_key");
  EXPECT_EQ(reason_of(store->authenticate(new_secret()->text)), "unknown_key");
  // Another secret for the right id.
  EXPECT_EQ(reason_of(store->authenticate(new_secret(principal->key_id())->text)), "unknown_key");
  EXPECT_TRUE(store->authenticate(expiring));
  time_.pass_seconds(3600);
  EXPECT_EQ(reason_of(store->authenticate(expiring)), "expired_key");

  Database database = administer();
  ASSERT_TRUE(revoke_key(&database, "web", time_.utc_ns()));
  moment();
  EXPECT_EQ(reason_of(store->authenticate(good)), "revoked_key");
  EXPECT_TRUE(store->any_keys());  // the door stays shut
  // Outside, nobody is told which it was.
  const auto revoked = store->authenticate(good).error(), unknown = store->authenticate(new_secret()->text).error(),
             malformed = store->authenticate("x").error(), mistyped = store->authenticate(typo).error(),
             expired = store->authenticate(expiring).error();
  for (const Refusal& other : {unknown, malformed, mistyped}) EXPECT_EQ(other.message, revoked.message);
  EXPECT_NE(expired.message, revoked.message);
  EXPECT_EQ(revoked.status, 401);
}

TEST_F(KeyStoreTest, SecretsAreNotInTheFile) {
  const std::string text = create(key_named("web"));
  open()->flush();
  for (const auto& entry : fs::directory_iterator(path_.parent_path())) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(bytes, Not(HasSubstr(text.substr(17, 16)))) << entry.path();
    EXPECT_THAT(bytes, Not(HasSubstr(text.substr(60, 16)))) << entry.path();
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST_F(KeyStoreTest, RotationStopsTheOldSecret) {
  const std::string first = create(key_named("web", {.requests_per_minute = 1}));
  const auto store = open();
  ASSERT_TRUE(store->try_begin(*store->authenticate(first), "scout", {}));
  Database database = administer();
  const std::string second = rotate_key(&database, "web", time_.utc_ns(), 0)->text;
  moment();
  EXPECT_EQ(reason_of(store->authenticate(first)), "revoked_key");
  const auto principal = store->authenticate(second);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->key_id(), first.substr(4, 12));
  EXPECT_EQ(reason_of(store->try_begin(*principal, "scout", {})), "requests_per_minute");  // the same limits, as used
  const std::string third = rotate_key(&database, "web", time_.utc_ns(), 3600 * kNsPerSecond)->text;
  moment();
  EXPECT_TRUE(store->authenticate(second));
  EXPECT_TRUE(store->authenticate(third));
  EXPECT_EQ(reason_of(store->authenticate(first)), "unknown_key");
  time_.pass_seconds(3600);
  EXPECT_FALSE(store->authenticate(second));
  EXPECT_TRUE(store->authenticate(third));
}

TEST_F(KeyStoreTest, WhatAKeyMayDo) {
  Key key = key_named("web");
  key.models = {"scout", "mini-*"}, key.routes = {"/v1/chat/*", "/v1/models"};
  const Principal web(std::make_shared<const Key>(key));
  key = key_named("boss"), key.scopes = {Scope::kAdmin};
  const Principal boss(std::make_shared<const Key>(key));
  key.scopes = {Scope::kReadOnly};
  const Principal watcher(std::make_shared<const Key>(key));
  const std::string chat = "/v1/chat/completions";
  EXPECT_TRUE(authorise(web, Need::kInference, chat, "scout"));
  EXPECT_TRUE(authorise(web, Need::kInference, chat, "mini-7"));
  EXPECT_TRUE(authorise(web, Need::kAnyKey, "/v1/models"));
  EXPECT_TRUE(authorise(web, Need::kNothing, "/health"));
  EXPECT_EQ(reason_of(authorise(web, Need::kInference, chat, "scout-2")), "model");
  EXPECT_EQ(reason_of(authorise(web, Need::kInference, "/v1/completions", "scout")), "route");
  EXPECT_EQ(reason_of(authorise(web, Need::kReadOnly, "/metrics")), "scope");
  EXPECT_EQ(reason_of(authorise(web, Need::kAdmin, chat)), "scope");
  EXPECT_EQ(authorise(web, Need::kAdmin, chat).error().status, 403);
  for (const Need need : {Need::kAnyKey, Need::kReadOnly, Need::kInference, Need::kAdmin})
    EXPECT_TRUE(authorise(boss, need, chat, "any"));
  EXPECT_TRUE(authorise(watcher, Need::kReadOnly, "/metrics"));
  EXPECT_EQ(reason_of(authorise(watcher, Need::kInference, chat, "scout")), "scope");
  EXPECT_TRUE(authorise(Principal(), Need::kAdmin, chat, "scout"));
}

TEST_F(KeyStoreTest, ChangesOfTheCommandLineAreSeen) {
  const std::string text = create(key_named("web", {.requests_per_minute = 1}));
  const auto store = open();
  const Principal principal = *store->authenticate(text);
  ASSERT_TRUE(store->try_begin(principal, "scout", {}));
  EXPECT_EQ(reason_of(store->try_begin(principal, "scout", {})), "requests_per_minute");
  Database database = administer();
  Key key = *find_key(&database, "web");
  key.limits.requests_per_minute = 2;
  ASSERT_TRUE(change_key(&database, key));
  moment();
  EXPECT_TRUE(store->try_begin(principal, "scout", {}));  // of a principal from before the change too
  key.limits.requests_per_minute = 3;
  ASSERT_TRUE(change_key(&database, key));
  ASSERT_TRUE(store->reload());  // without waiting
  EXPECT_TRUE(store->try_begin(principal, "scout", {}));
  EXPECT_EQ(reason_of(store->try_begin(principal, "scout", {})), "requests_per_minute");
}

TEST_F(KeyStoreTest, UsageAndItsCost) {
  const std::string text = create(key_named("web"));
  {
    Database database = administer();
    ASSERT_TRUE(set_prices(&database, "*", {1'000'000, 500'000, 2'000'000}));
    ASSERT_TRUE(set_prices(&database, "scout", {100'000, 25'000, 400'000}));
  }
  const auto store = open();
  const Principal principal = *store->authenticate(text);
  for (int request = 0; request < 3; ++request)
    ASSERT_TRUE(store->try_begin(principal, "scout", {})->finish({100, 50, 10}));
  ASSERT_TRUE(store->try_begin(principal, "other", {})->finish({1, 0, 1}));
  ASSERT_TRUE(store->try_begin(Principal(), "other", {})->finish({1, 0, 1}));
  { const auto dropped = store->try_begin(principal, "scout", {}); }
  time_.pass_seconds(12 * 3600);
  ASSERT_TRUE(store->try_begin(principal, "scout", {})->finish({-5, 700, 10}));  // nonsense does no harm
  Database database = administer();
  const auto rows = *read_usage(&database, {});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].of, (UsageOf{"2026-11-23", "", "other"}));
  EXPECT_EQ(rows[1].of, (UsageOf{"2026-11-23", principal.key_id(), "other"}));
  EXPECT_EQ(rows[1].sum.cost.to_string(), "0.000003");
  EXPECT_EQ(rows[2].sum.requests, 3);
  EXPECT_EQ(rows[2].sum.usage.prompt_tokens, 300);
  EXPECT_EQ(rows[2].sum.usage.cached_tokens, 150);
  EXPECT_EQ(rows[2].sum.usage.output_tokens, 30);
  EXPECT_EQ(rows[2].sum.cost.to_string(), "0.00003075");
  EXPECT_EQ(rows[3].of.day, "2026-11-24");
  EXPECT_EQ(rows[3].sum.usage.cached_tokens, 0);
  EXPECT_EQ(read_usage(&database, {.key_id = principal.key_id(), .from = "2026-11-24"})->size(), 1u);
  EXPECT_EQ(read_usage(&database, {.to = "2026-11-22"})->size(), 0u);
}

TEST_F(KeyStoreTest, LimitsSurviveARestart) {
  const Limits limits{
      .requests_per_minute = 5, .tokens_per_minute = 5000, .tokens_per_day = 1000, .budget_micros = 1000};
  const std::string text = create(key_named("web", limits));
  {
    Database database = administer();
    ASSERT_TRUE(set_prices(&database, "*", {1'000'000, 1'000'000, 1'000'000}));
  }
  for (int run = 0; run < 4; ++run) {
    const auto store = open();
    const Principal principal = *store->authenticate(text);
    auto permit = store->try_begin(principal, "scout", {100, 100});
    ASSERT_TRUE(permit) << permit.error().message;
    ASSERT_TRUE(permit->finish({100, 0, 100}));
    EXPECT_EQ(store->state(principal).requests->remaining, 4 - run);
    EXPECT_EQ(store->state(principal).tokens->remaining, 5000 - 200 * (run + 1));
  }
  const auto store = open();
  const Principal principal = *store->authenticate(text);
  EXPECT_EQ(reason_of(store->try_begin(principal, "scout", {101, 100})), "budget");
  EXPECT_EQ(reason_of(store->try_begin(principal, "free", {101, 100})), "budget");
  ASSERT_TRUE(store->try_begin(principal, "scout", {100, 100}));
  EXPECT_EQ(reason_of(store->try_begin(principal, "scout", {10, 10})), "requests_per_minute");
  time_.pass_seconds(60);
  EXPECT_TRUE(store->try_begin(principal, "scout", {100, 100}));
}

TEST_F(KeyStoreTest, ARequestThatRanWhenTheProcessEndedCountsInItsMinute) {
  const std::string text =
      create(key_named("web", {.requests_per_minute = 2, .tokens_per_minute = 100, .tokens_per_day = 100}));
  const auto store = open();
  const auto running = store->try_begin(*store->authenticate(text), "scout", {30, 30});
  ASSERT_TRUE(running);
  const auto after = open();  // as the next process finds the file
  const Principal principal = *after->authenticate(text);
  EXPECT_EQ(after->state(principal).requests->remaining, 1);
  EXPECT_EQ(after->state(principal).tokens->remaining, 40);
  time_.pass_seconds(60);
  EXPECT_TRUE(after->try_begin(principal, "scout", {50, 50}));  // of the day it has used nothing
}

TEST_F(KeyStoreTest, TheClockSetBackWhileItRuns) {
  const std::string text = create(key_named("web", {.requests_per_minute = 2, .tokens_per_day = 100}));
  const auto store = open();
  const Principal principal = *store->authenticate(text);
  ASSERT_TRUE(store->try_begin(principal, "scout", {40, 10})->finish({40, 0, 10}));
  time_.set_utc(time_.utc_ns() - 30 * kNsPerDay);
  ASSERT_TRUE(store->try_begin(principal, "scout", {40, 10})->finish({40, 0, 10}));
  EXPECT_EQ(reason_of(store->try_begin(principal, "scout", {1, 0})), "tokens_per_day");
  time_.pass_seconds(60);
  EXPECT_EQ(store->state(principal).requests->remaining, 2);  // a minute is a minute
  time_.pass_seconds(12 * 3600);
  EXPECT_TRUE(store->try_begin(principal, "scout", {40, 10}));  // and midnight came in time
}

TEST_F(KeyStoreTest, TheClockSetBackOverARestart) {
  const std::string text = create(key_named("web", {.requests_per_minute = 1, .tokens_per_day = 100}));
  {
    const auto store = open();
    ASSERT_TRUE(store->try_begin(*store->authenticate(text), "scout", {50, 50})->finish({50, 0, 50}));
  }
  time_.set_utc(time_.utc_ns() - 365 * kNsPerDay);
  const auto store = open();
  const Principal principal = *store->authenticate(text);
  EXPECT_EQ(reason_of(store->try_begin(principal, "scout", {1, 0})), "tokens_per_day");
  EXPECT_EQ(store->state(principal).requests->remaining, 0);
  time_.pass_seconds(60);
  EXPECT_EQ(store->state(principal).requests->remaining, 1);
  time_.pass_seconds(24 * 3600);
  EXPECT_TRUE(store->try_begin(principal, "scout", {1, 0}));
}

// Many threads against every limit at once: what was allowed is never more than the limit, and all of it when there is
// enough asked.
TEST_F(KeyStoreTest, LimitsHoldUnderConcurrency) {
  constexpr int kThreads = 8, kRequests = 60;
  const std::string requests = create(key_named("requests", {.requests_per_minute = 100}));
  const std::string tokens = create(key_named("tokens", {.tokens_per_minute = 1000}));
  const std::string day = create(key_named("day", {.tokens_per_day = 1000}));
  const std::string together = create(key_named("together", {.concurrent_requests = 3}));
  const std::string money = create(key_named("money", {.budget_micros = 1000}));
  Database database = administer();
  ASSERT_TRUE(set_prices(&database, "scout", {1'000'000, 0, 1'000'000}));
  const auto store = open();

  struct Count {
    std::atomic<int64_t> requests = 0, tokens = 0, running = 0, most_running = 0;
  };
  const auto count = [&](const std::string& text) {
    auto counted = std::make_unique<Count>();
    const Principal principal = *store->authenticate(text);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread)
      threads.emplace_back([&, thread] {
        for (int request = 0; request < kRequests; ++request) {
          auto permit = store->try_begin(principal, "scout", {5, 10});
          if (!permit) continue;
          const int64_t running = ++counted->running;
          int64_t most = counted->most_running;
          while (running > most && !counted->most_running.compare_exchange_weak(most, running)) {
          }
          const int64_t output = (thread + request) % 11;
          ++counted->requests, counted->tokens += 5 + output;
          std::this_thread::yield();
          --counted->running;
          EXPECT_TRUE(permit->finish({5, 0, output}));
        }
      });
    for (std::thread& thread : threads) thread.join();
    return counted;
  };
  EXPECT_EQ(count(requests)->requests, 100);
  for (const std::string& text : {tokens, day, money}) {
    const auto counted = count(text);
    EXPECT_LE(counted->tokens, 1000);
    EXPECT_GT(counted->tokens, 1000 - 15);  // the next would not have fitted
  }
  const auto counted = count(together);
  EXPECT_LE(counted->most_running, 3);
  EXPECT_GT(counted->requests, 3);
  EXPECT_EQ(store->unwritten_requests(), 0);
}

TEST_F(KeyStoreTest, TheCommandLineAndAServerAtTheSameTime) {
  const std::string text = create(key_named("web", {.requests_per_minute = 1'000'000}));
  const auto store = open();
  const Principal principal = *store->authenticate(text);
  std::atomic<bool> stops = false;
  std::atomic<int64_t> finished = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread)
    threads.emplace_back([&] {
      while (!stops) {
        auto permit = store->try_begin(principal, "scout", {1, 1});
        ASSERT_TRUE(permit) << permit.error().message;
        const auto done = permit->finish({1, 0, 1});
        ASSERT_TRUE(done) << done.error().message;
        ++finished;
        moment();  // looks for changes every time
      }
    });
  Database database = administer();
  Key key = *find_key(&database, "web");
  for (int change = 0; change < 30; ++change) {
    key.limits.tokens_per_day = 1'000'000'000 + change;
    const auto changed = change_key(&database, key);
    EXPECT_TRUE(changed) << changed.error().message;
    EXPECT_TRUE(read_usage(&database, {}));
  }
  stops = true;
  for (std::thread& thread : threads) thread.join();
  int64_t written = 0;
  const auto rows = read_usage(&database, {});
  for (const UsageRow& row : *rows) written += row.sum.requests;
  EXPECT_EQ(written, finished);
  ASSERT_TRUE(store->reload());
  EXPECT_EQ(store->authenticate(text)->key()->limits.tokens_per_day, 1'000'000'029);
}

// A child uses a key, and tells of each request whose usage finish() has written; then it is killed at some moment.
TEST_F(KeyStoreTest, NothingFinishedIsLostWhenTheProcessIsKilled) {
  const std::string text =
      create(key_named("web", {.requests_per_minute = 1'000'000, .tokens_per_day = 1'000'000'000}));
  int64_t finished = 0;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto store = KeyStore::open(path_, time_);
      if (!store) ::_exit(1);
      const auto principal = (*store)->authenticate(text);
      while (principal) {
        auto permit = (*store)->try_begin(*principal, "scout", {10, 10});
        if (!permit || !permit->finish({10, 0, 5}) || ::write(pipe_ends[1], "x", 1) != 1) break;
      }
      ::_exit(1);
    }
    ::close(pipe_ends[1]);
    char byte;
    for (int wanted = 10 + 37 * round; wanted > 0 && ::read(pipe_ends[0], &byte, 1) == 1; --wanted) ++finished;
    ::kill(child, SIGKILL);
    while (::read(pipe_ends[0], &byte, 1) == 1) ++finished;
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(pipe_ends[0]);
    ASSERT_TRUE(WIFSIGNALED(status));

    Database database = administer();
    Statement check = *database.prepare("PRAGMA integrity_check");
    ASSERT_TRUE(*check.row());
    EXPECT_EQ(check.text(0), "ok");
    const auto rows = *read_usage(&database, {});
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_GE(rows[0].sum.requests, finished);
    EXPECT_LE(rows[0].sum.requests, finished + round + 1);
    EXPECT_EQ(rows[0].sum.usage.output_tokens, 5 * rows[0].sum.requests);
  }
}

TEST_F(KeyStoreTest, AFullDiskIsUnavailableAndLosesNothing) {
  fs::create_directories(path_.parent_path());
  if (::mount("tmpfs", path_.parent_path().c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "only root can mount a small disk";
  {
    const std::string limited = create(key_named("limited", {.requests_per_minute = 1000})),
                      text = create(key_named("web"));
    const auto store = open();
    const Principal web = *store->authenticate(text);
    ASSERT_TRUE(store->flush());
    const fs::path filler = path_.parent_path() / "filler";
    std::ofstream(filler) << std::string(1 << 20, 'x');
    int64_t finished = 0;
    bool has_failed = false;
    for (; finished < 500 && !has_failed; ++finished)
      has_failed = !store->try_begin(web, "model " + std::to_string(finished), {})->finish({1, 0, 1});
    EXPECT_TRUE(has_failed);
    EXPECT_GT(store->unwritten_requests(), 0);
    const auto refused = store->try_begin(*store->authenticate(limited), "scout", {});
    EXPECT_EQ(reason_of(refused), "key_store");
    EXPECT_EQ(refused.error().status, 503);
    fs::remove(filler);
    EXPECT_TRUE(store->try_begin(*store->authenticate(limited), "scout", {}));
    EXPECT_EQ(store->unwritten_requests(), 0);
    Database database = administer();
    EXPECT_EQ(static_cast<int64_t>(read_usage(&database, {})->size()), finished);
  }
  EXPECT_EQ(::umount(path_.parent_path().c_str()), 0);
}

TEST_F(KeyStoreTest, TheTableOfKeys) {
  Database database = administer();
  const int64_t now = time_.utc_ns();
  Key key = key_named("web", {1, 2, 3, 4, 5});
  key.scopes = {Scope::kReadOnly, Scope::kAdmin}, key.models = {"a\"b", "c*"}, key.routes = {"/v1/*"};
  key.expires_ns = now + 5;
  const auto secret = create_key(&database, key, now);
  const Key read = *find_key(&database, "web");
  EXPECT_EQ(read.id, secret->id);
  EXPECT_EQ(read.hash, secret->hash);
  EXPECT_EQ(read.scopes, key.scopes);
  EXPECT_EQ(read.models, key.models);
  EXPECT_EQ(read.routes, key.routes);
  EXPECT_EQ(read.limits.budget_micros, 5);
  EXPECT_EQ(read.limits.concurrent_requests, 4);
  EXPECT_EQ(read.expires_ns, now + 5);
  EXPECT_EQ(state_of(read, now), "active");
  EXPECT_EQ(state_of(read, now + 5), "expired");

  EXPECT_THAT(create_key(&database, key, now).error().message, HasSubstr("another key in force has this name"));
  EXPECT_THAT(find_key(&database, "nobody").error().message, HasSubstr("no key has the id or name \"nobody\""));
  EXPECT_THAT(find_key(&database, secret->text).error().message, Not(HasSubstr(secret->text.substr(20))));
  ASSERT_TRUE(revoke_key(&database, secret->id, now));
  EXPECT_FALSE(revoke_key(&database, secret->id, now));
  EXPECT_FALSE(rotate_key(&database, "web", now, 0));
  ASSERT_TRUE(create_key(&database, key, now + 1));  // the name is free again
  EXPECT_EQ(all_keys(&database)->size(), 2u);
  EXPECT_NE(find_key(&database, "web")->id, secret->id);
  EXPECT_EQ(find_key(&database, secret->id)->id, secret->id);
  ASSERT_TRUE(revoke_key(&database, "web", now));
  EXPECT_THAT(find_key(&database, "web").error().message, HasSubstr("2 revoked keys"));
  for (const char* name : {"", "-x", "a\nb", "\x7f", "\xff"})
    EXPECT_FALSE(create_key(&database, key_named(name), now)) << name;
  EXPECT_FALSE(create_key(&database, key_named(std::string(101, 'x')), now));
  EXPECT_FALSE(create_key(&database, key_named("y", {.tokens_per_day = -1}), now));
  key.name = "z", key.scopes.clear();
  EXPECT_FALSE(create_key(&database, key, now));
}

TEST_F(KeyStoreTest, FilesThatAreRefused) {
  EXPECT_EQ(Database::open(path_, {Database::Mode::kExisting}).error().code, ErrorCode::kNotFound);
  create(key_named("web"));
  for (const mode_t mode : {0620, 0602, 0666}) {
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    const auto store = KeyStore::open(path_, time_);
    ASSERT_FALSE(store);
    EXPECT_THAT(store.error().message, HasSubstr("chmod 600"));
  }
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  EXPECT_TRUE(KeyStore::open(path_, time_));

  EXPECT_THAT(KeyStore::open(scratch_, time_).error().message, HasSubstr("found a folder"));
  const fs::path other = scratch_ / "other";
  const auto write_other = [&](const std::string& bytes) {
    std::ofstream(other, std::ios::binary) << bytes;
    ASSERT_EQ(::chmod(other.c_str(), 0600), 0);
  };
  write_other(std::string(5000, 'x'));
  EXPECT_EQ(KeyStore::open(other, time_).error().code, ErrorCode::kBadFile);
  fs::remove(other);
  write_other("");  // as new
  EXPECT_TRUE(KeyStore::open(other, time_));
  {
    Database database = administer();
    ASSERT_TRUE(database.run("PRAGMA user_version = 99"));
  }
  EXPECT_THAT(KeyStore::open(path_, time_).error().message, HasSubstr("version 99"));
  sqlite3* foreign = nullptr;
  fs::remove(other);
  ASSERT_EQ(sqlite3_open(other.c_str(), &foreign), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(foreign, "CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(foreign);
  ASSERT_EQ(::chmod(other.c_str(), 0600), 0);
  EXPECT_THAT(KeyStore::open(other, time_).error().message, HasSubstr("found one of another program"));
}

TEST_F(KeyStoreTest, AFileOfTheFirstVersionIsBroughtUpToDate) {
  const std::string text = create(key_named("web", {.requests_per_minute = 5}));
  {
    Database database = administer();
    for (const char* column : {"images", "image_bytes", "image_pixels", "image_tiles"})
      ASSERT_TRUE(database.run(("ALTER TABLE key DROP COLUMN " + std::string(column)).c_str()));
    ASSERT_TRUE(database.run("PRAGMA user_version = 1"));
  }
  const auto store = open();
  const auto principal = store->authenticate(text);
  ASSERT_TRUE(principal) << principal.error().message;
  EXPECT_EQ(principal->key()->limits.requests_per_minute, 5);
  EXPECT_FALSE(principal->key()->pictures.images);
  Database database = administer();
  Key key = *find_key(&database, "web");
  key.pictures = {.images = 1, .bytes = 2, .pixels = 3, .tiles = 0};
  ASSERT_TRUE(change_key(&database, key));
  const PictureLimits kept = find_key(&database, "web")->pictures;
  EXPECT_EQ(kept.images, 1);
  EXPECT_EQ(kept.bytes, 2);
  EXPECT_EQ(kept.pixels, 3);
  EXPECT_EQ(kept.tiles, 0);
  key.pictures.images = -1;
  EXPECT_THAT(change_key(&database, key).error().message, HasSubstr("expected limits of 0 or more"));
}

TEST_F(KeyStoreTest, ManyProcessesMakeTheFileAtOnce) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 6; ++thread)
    threads.emplace_back([&, thread] {
      auto database = Database::open(path_, {});
      ASSERT_TRUE(database) << database.error().message;
      EXPECT_TRUE(create_key(&*database, key_named("key " + std::to_string(thread)), time_.utc_ns()));
    });
  for (std::thread& thread : threads) thread.join();
  Database database = administer();
  EXPECT_EQ(all_keys(&database)->size(), 6u);
}

}  // namespace
}  // namespace paddock::server::auth
