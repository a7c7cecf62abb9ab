// SPDX-License-Identifier: Apache-2.0
// paddock keys and paddock audit, as an administrator uses them beside a running server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/json.h"
#include "base/utc_time.h"
#include "server/audit/audit_log.h"
#include "server/audit/log_folder.h"
#include "server/auth/key_store.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
namespace audit = server::audit;
namespace auth = server::auth;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

class CliKeysTest : public testing::Test {
 protected:
  Ran keys(Arguments arguments) const {
    arguments.insert(arguments.begin(), "keys");
    arguments.insert(arguments.end(), {"--database", database_});
    return run_program(arguments);
  }
  Json keys_json(Arguments arguments) const {
    arguments.push_back("--json");
    const Ran ran = keys(arguments);
    EXPECT_EQ(ran.status, 0) << ran.err;
    return ran.status == 0 ? Json::parse(ran.out) : Json();
  }
  void expect_refusal(const Arguments& arguments, int status, const char* sentence) const {
    const Ran ran = keys(arguments);
    EXPECT_EQ(ran.status, status) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, AllOf(StartsWith("paddock: "), HasSubstr(sentence)));
  }
  std::unique_ptr<auth::KeyStore> server() const {
    auto store = auth::KeyStore::open(database_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }

  ScratchFolder scratch_;
  const std::string database_ = scratch_.path("keys.db");
};

TEST_F(CliKeysTest, AKeyIsShownOnce) {
  const Ran ran = keys({"create", "--name", "web"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.out, MatchesRegex("pdk_[0-9a-f]{12}_[0-9a-f]{70}\n"));
  EXPECT_THAT(ran.err, HasSubstr("key web ("));
  const std::string secret = ran.out.substr(17, 64);
  EXPECT_THAT(ran.err, Not(HasSubstr(secret)));
  for (const Arguments& arguments :
       {Arguments{"list"}, {"show", "web"}, {"list", "--json"}, {"usage"}, {"usage", "--csv"}}) {
    const Ran later = keys(arguments);
    EXPECT_EQ(later.status, 0);
    EXPECT_THAT(later.out + later.err, Not(HasSubstr(secret)));
  }
  struct stat status {};
  ASSERT_EQ(::stat(database_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(CliKeysTest, EverythingThatAKeySays) {
  const Json made = keys_json({"create",     "--name",
                               "all of it",  "--scope",
                               "read-only",  "--scope",
                               "admin",      "--model",
                               "scout",      "--model",
                               "mini-*",     "--route",
                               "/v1/chat/*", "--expires",
                               "2099-12-31", "--requests-per-minute",
                               "60",         "--tokens-per-minute",
                               "1000",       "--tokens-per-day",
                               "2000",       "--concurrent",
                               "3",          "--images",
                               "4",          "--image-bytes",
                               "500K",       "--image-pixels",
                               "1000000",    "--image-tiles",
                               "17",         "--budget",
                               "25.00"});
  EXPECT_THAT(made["key"].get<std::string>(), StartsWith("pdk_" + made["id"].get<std::string>()));
  Json shown = keys_json({"show", "all of it"});
  EXPECT_EQ(shown["used"]["requests"], 0);
  shown.erase("used");
  Json expected = made;
  expected.erase("key");
  EXPECT_EQ(shown, expected);
  EXPECT_EQ(shown["scopes"].dump(), R"(["read-only","admin"])");
  EXPECT_EQ(shown["models"].dump(), R"(["scout","mini-*"])");
  EXPECT_EQ(shown["expires"], "2099-12-31T00:00:00Z");
  EXPECT_EQ(shown["limits"].dump(), R"({"requests_per_minute":60,"tokens_per_minute":1000,"tokens_per_day":2000,)"
                                    R"("concurrent_requests":3,"images":4,"image_bytes":512000,"image_pixels":1000000,)"
                                    R"("image_tiles":17,"budget":"25.00"})");
  EXPECT_THAT(keys({"list"}).out, HasSubstr("3 at once, 4 images, 512000 bytes/image, 1000000 pixels/image, 17 image "
                                            "tiles, 25.00 budget"));
  const Json changed = keys_json({"limit", made["id"], "--requests-per-minute", "none", "--budget", "0.5", "--expires",
                                  "none", "--name", "less", "--image-bytes", "none"});
  EXPECT_EQ(changed["limits"]["image_bytes"], nullptr);
  EXPECT_EQ(changed["limits"]["images"], 4);
  EXPECT_EQ(changed["limits"]["requests_per_minute"], nullptr);
  EXPECT_EQ(changed["limits"]["tokens_per_day"], 2000);
  EXPECT_EQ(changed["limits"]["budget"], "0.50");
  EXPECT_EQ(changed["expires"], nullptr);
  EXPECT_EQ(changed["scopes"], shown["scopes"]);
  EXPECT_EQ(keys_json({"list"}).size(), 1u);
}

TEST_F(CliKeysTest, ARunningServerSeesChangesWithinASecond) {
  const auto store = server();
  EXPECT_FALSE(store->any_keys());
  const std::string first = keys_json({"create", "--name", "web"})["key"];
  const Stopwatch watch;
  while (!store->any_keys() && watch.seconds() < 5) {
  }
  EXPECT_LT(watch.seconds(), 1);
  EXPECT_TRUE(store->authenticate(first));
  const std::string second = keys_json({"rotate", "web"})["key"];
  ASSERT_TRUE(store->reload());
  EXPECT_FALSE(store->authenticate(first));
  const auto principal = store->authenticate(second);
  ASSERT_TRUE(principal);
  EXPECT_EQ(
      keys({"prices", "set", "--model", "scout", "--prompt", "0.10", "--cached", "0.025", "--output", "0.40"}).status,
      0);
  ASSERT_TRUE(store->reload());
  ASSERT_TRUE(store->try_begin(*principal, "scout", {})->finish({1000, 600, 100}));
  EXPECT_EQ(keys_json({"show", "web"})["used"]["cost"], "0.000095");
  EXPECT_EQ(keys({"revoke", "web"}).status, 0);
  ASSERT_TRUE(store->reload());
  EXPECT_FALSE(store->authenticate(second));
}

TEST_F(CliKeysTest, TheBill) {
  const std::string web = keys_json({"create", "--name", "web"})["key"],
                    other = keys_json({"create", "--name", "=other"})["key"];
  EXPECT_EQ(keys({"prices", "set", "--model", "*", "--prompt", "1", "--output", "3"}).status, 0);
  EXPECT_EQ(keys_json({"prices", "list"}).dump(), R"([{"model":"*","prompt":"1.00","cached":"1.00","output":"3.00"}])");
  {
    const auto store = server();
    for (const std::string& text : {web, other})
      for (const char* model : {"scout", "maverick"})
        ASSERT_TRUE(store->try_begin(*store->authenticate(text), model, {})->finish({10, 4, 5}));
  }
  EXPECT_EQ(keys_json({"usage"}).size(), 4u);
  const Json by_day = keys_json({"usage", "--by", "day"});
  ASSERT_EQ(by_day.size(), 1u);
  EXPECT_EQ(by_day[0]["requests"], 4);
  EXPECT_EQ(by_day[0]["cached_tokens"], 16);
  EXPECT_EQ(by_day[0]["cost"], "0.0001");
  const Json by_key = keys_json({"usage", "--by", "key"});
  ASSERT_EQ(by_key.size(), 2u);
  EXPECT_EQ(by_key[0]["output_tokens"], 10);
  EXPECT_EQ(keys_json({"usage", "web"}).size(), 2u);
  EXPECT_EQ(keys_json({"usage", "--to", "2020-01-01"}).size(), 0u);
  EXPECT_EQ(keys_json({"usage", "--from", "2020-01-01"}).size(), 4u);
  const std::string csv = keys({"usage", "--by", "key", "--csv"}).out;
  EXPECT_THAT(csv, StartsWith("key,name,requests,prompt_tokens,cached_tokens,output_tokens,cost\n"));
  EXPECT_THAT(csv, HasSubstr(",web,2,20,8,10,0.00005\n"));
  EXPECT_THAT(csv, HasSubstr(",'=other,2,"));
  EXPECT_THAT(keys({"usage"}).out, StartsWith("day         key           name    model     requests  prompt_tokens"));
}

TEST_F(CliKeysTest, WhatIsRefused) {
  expect_refusal({"list"}, 1, "no key database here");
  EXPECT_EQ(keys({"create", "--name", "web"}).status, 0);
  expect_refusal({"create", "--name", "web"}, 2, "another key in force has this name");
  expect_refusal({"create", "--name", ""}, 2, "name of a key");
  expect_refusal({"create"}, 2, "--name is required");
  expect_refusal({"create", "--name", "x", "--scope", "all"}, 2, "--scope");
  expect_refusal({"create", "--name", "x", "--expires", "soon"}, 2, "--expires: expected a span of time");
  expect_refusal({"create", "--name", "x", "--tokens-per-day", "-1"}, 2, "--tokens-per-day: expected a whole number");
  expect_refusal({"create", "--name", "x", "--tokens-per-day", "1.5"}, 2, "--tokens-per-day");
  expect_refusal({"create", "--name", "x", "--budget", "1e6"}, 2, "--budget: expected an amount of money");
  expect_refusal({"create", "--name", "x", "--budget", "0.0000001"}, 2, "--budget");
  expect_refusal({"show", "nobody"}, 1, "no key has the id or name \"nobody\"");
  expect_refusal({"revoke", "nobody"}, 1, "no key has the id or name");
  expect_refusal({"rotate", "web", "--overlap", "long"}, 2, "--overlap");
  expect_refusal({"usage", "--by", "moon"}, 2, "--by");
  expect_refusal({"usage", "--json", "--csv"}, 2, "--json");
  expect_refusal({"prices", "set", "--model", "m", "--prompt", "x", "--output", "1"}, 2, "--prompt");
  ASSERT_EQ(::chmod(database_.c_str(), 0666), 0);
  expect_refusal({"list"}, 2, "run chmod 600");
  EXPECT_THAT(run_program({"keys"}).err, HasSubstr("expected a command: create, list,"));
  EXPECT_THAT(run_program({"keys", "sing"}).err, HasSubstr("found \"sing\" (see paddock keys --help)"));
  EXPECT_THAT(run_program({"keys", "--help"}).out, AllOf(HasSubstr("rotate"), HasSubstr("Examples:\n  ")));
  EXPECT_THAT(run_program({"keys", "prices", "set", "--help"}).out, HasSubstr("--cached"));
}

TEST(CliKeys, ADatabaseOfTheUsersOwn) {
  const ScratchFolder scratch;
  const Environment environment = {{"XDG_STATE_HOME", scratch.path("state")}};
  EXPECT_EQ(run_program({"keys", "create", "--name", "web"}, "", environment).status, 0);
  EXPECT_TRUE(fs::exists(scratch.path("state/paddock/keys.db")));
  EXPECT_THAT(run_program({"keys", "list"}, "", environment).out, HasSubstr("web"));
}

class CliAuditTest : public testing::Test {
 protected:
  CliAuditTest() {
    audit::AuditOptions options;
    options.content = audit::ContentPolicy::kFull;
    const auto log = audit::AuditLog::open(folder_, options);
    for (int index = 0; index < 6; ++index) {
      audit::Record record;
      record.time_ns = *parse_utc("2026-11-20") + index * kNsPerDay;
      record.key_id = index % 2 == 0 ? "aaaaaaaaaaaa" : "bbbbbbbbbbbb", record.route = "/v1/messages";
      record.model = index == 3 ? "=2+3" : "scout", record.parameters = {{"top_p", 0.5}}, record.http_status = 200;
      record.prompt_tokens = index, record.prompt = "a \"prompt\"", record.output = "line\nline";
      EXPECT_TRUE((*log)->append(record));
    }
  }
  void set_line(int number, const std::string& text) const {
    std::ifstream in(segment());
    std::string line, all;
    for (int at = 1; std::getline(in, line); ++at) all += (at == number ? text : line + "\n");
    std::ofstream(segment()) << all;
  }
  std::string segment() const { return audit::segment_path(folder_, 1); }
  static Ran run(const Arguments& arguments) {
    Arguments all = {"audit"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(all);
  }

  ScratchFolder scratch_;
  const std::string folder_ = scratch_.path("audit");
};

TEST_F(CliAuditTest, VerifiesAndSaysWhatIsWrong) {
  const Ran good = run({"verify", folder_});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("as it was written, 7 records, the last is 7"));
  const std::string hash = run({"head", folder_}).out;
  EXPECT_THAT(hash, MatchesRegex("[0-9a-f]{64}\n"));
  EXPECT_EQ(run({"verify", folder_, "--head", hash.substr(0, 64)}).status, 0);
  const Ran other = run({"verify", folder_, "--head", std::string(64, 'a')});
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.out, HasSubstr("no record has the hash aaaa"));
  EXPECT_EQ(run({"verify", folder_, "--head", "abc"}).status, 2);

  set_line(3, "");
  const Ran missing = run({"verify", folder_});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.out, AllOf(StartsWith("record 3 is missing\n"), HasSubstr("NOT as it was written")));
  const Json json = Json::parse(run({"verify", folder_, "--json"}).out);
  EXPECT_EQ(json["intact"], false);
  EXPECT_EQ(json["findings"][0]["kind"], "missing");
  EXPECT_EQ(json["findings"][0]["record"], 3);
  set_line(6, "");  // now record 7
  EXPECT_THAT(run({"verify", folder_}).out, HasSubstr("record 7 is cut off: the log ends with record 6"));
  EXPECT_EQ(run({"verify", scratch_.path("none")}).status, 1);
  EXPECT_EQ(run({"verify"}).status, 2);
}

TEST_F(CliAuditTest, Exports) {
  const Ran whole = run({"export", folder_});
  EXPECT_EQ(whole.status, 0) << whole.err;
  const Json records = Json::parse(whole.out);
  ASSERT_EQ(records.size(), 7u);
  EXPECT_EQ(records[1]["content"]["output"], "line\nline");
  EXPECT_EQ(Json::parse(run({"export", folder_, "--key", "bbbbbbbbbbbb"}).out).size(), 3u);
  const Json some =
      Json::parse(run({"export", folder_, "--from", "2026-11-21", "--to", "2026-11-22", "--key", "aaaaaaaaaaaa"}).out);
  ASSERT_EQ(some.size(), 1u);
  EXPECT_EQ(some[0]["time"], "2026-11-22T00:00:00.000000000Z");
  EXPECT_EQ(run({"export", folder_, "--to", "then"}).status, 2);
  EXPECT_EQ(run({"export", folder_, "--to", "1980-01-01"}).out, "[]\n");

  const std::string lines = run({"export", folder_, "--format", "jsonl"}).out;
  EXPECT_EQ(std::ranges::count(lines, '\n'), 7);
  const std::string csv = run({"export", folder_, "--format", "csv", "--key", "bbbbbbbbbbbb"}).out;
  EXPECT_THAT(csv, StartsWith("sequence,time,kind,key,route,model,parameters,prompt_tokens,"));
  EXPECT_THAT(
      csv,
      HasSubstr("3,2026-11-21T00:00:00.000000000Z,request,bbbbbbbbbbbb,/v1/messages,scout,\"{\"\"top_p\"\":0.5}\",1,"));
  EXPECT_THAT(csv, HasSubstr(",'=2+3,"));

  set_line(2, "{}\n");
  const Ran damaged = run({"export", folder_});
  EXPECT_EQ(damaged.status, 1);
  EXPECT_EQ(Json::parse(damaged.out).size(), 6u);
  EXPECT_THAT(damaged.err, HasSubstr("1 lines are not as they were written"));
}

}  // namespace
}  // namespace paddock::test
