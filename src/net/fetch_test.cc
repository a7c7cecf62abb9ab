// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "net/test_client.h"
#include "net/test_identity.h"

namespace paddock::net {
namespace {

using std::chrono::steady_clock;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kHost = "pictures.test";  // no name server knows it

// 127.0.0.1 stands for the public internet, where the test's server is.
const char* only_the_test(const IpAddress& address) {
  return address == IpAddress::parse("127.0.0.1") ? nullptr : "an address of a private network";
}

// Answers by the path; remembers what was asked.
class Site {
 public:
  explicit Site(ServerOptions options = {})
      : server_(std::move(options), {.handle = [this](Request request, std::shared_ptr<Exchange> exchange) {
                  answer(request, std::move(exchange));
                }}) {}
  ~Site() {
    stopping_ = true;
    if (dripping_.joinable()) dripping_.join();
  }

  std::string port() const { return server_.address().substr(server_.address().rfind(':') + 1); }
  std::string url(const std::string& path, const std::string& host = kHost) const {
    return "http://" + host + ":" + port() + path;
  }
  int asked() const { return asked_; }

 private:
  void answer(const Request& request, std::shared_ptr<Exchange> exchange) {
    ++asked_;
    const std::string& path = request.target.path;
    if (path == "/picture")
      return void(exchange->respond({200, {}, "bytes of " + std::string(*request.headers.find("host"))}));
    if (path == "/empty") return void(exchange->respond({200, {}, ""}));
    if (path == "/none") return void(exchange->respond({204, {}, ""}));
    if (path == "/missing") return void(exchange->respond({404, {}, "no such picture"}));
    if (path == "/large") return void(exchange->respond({200, {}, std::string(100'000, 'x')}));
    if (path == "/stream") {
      exchange->begin_stream(200, {});
      exchange->write(std::string(100'000, 'x'));
      return void(exchange->finish());
    }
    if (path == "/head") return void(exchange->respond({200, {{"X-Long", std::string(80'000, 'x')}}, "x"}));
    if (path == "/go") {
      Headers headers;
      headers.set("Location", std::string(*request.target.find("to")));
      return void(
          exchange->respond({std::stoi(std::string(request.target.find("status").value_or("302"))), headers, "go on"}));
    }
    if (path == "/hops") {
      const int left = std::stoi(std::string(*request.target.find("left")));
      Headers headers;
      headers.set("Location", left == 1 ? "/picture" : "hops?left=" + std::to_string(left - 1));
      return void(exchange->respond({302, headers, ""}));
    }
    if (path == "/hang") return hold_.push_back(std::move(exchange));
    if (path == "/drip")
      dripping_ = std::thread([this, exchange = std::move(exchange)] {
        exchange->begin_stream(200, {});
        while (!stopping_ && exchange->is_open() && exchange->write("x")) std::this_thread::sleep_for(milliseconds(10));
      });
  }

  std::atomic<int> asked_{0};
  std::atomic<bool> stopping_{false};
  std::thread dripping_;
  std::vector<std::shared_ptr<Exchange>> hold_;
  TestServer server_;
};

class FetchTest : public testing::Test {
 protected:
  Fetcher fetcher(const std::vector<std::string>& hosts, AddressCheck check = only_the_test) {
    FetchRules rules;
    for (const std::string& host : hosts) rules.hosts.push_back(AllowedHost::parse(host).value());
    const Resolver resolve = [this](const std::string& name) -> Result<std::vector<IpAddress>> {
      const auto& answers = names_[name];
      std::vector<IpAddress> addresses;
      if (answers.empty()) return addresses;
      for (const char* text : answers[std::min(resolved_++, answers.size() - 1)])
        addresses.push_back(IpAddress::parse(text).value());
      return addresses;
    };
    return Fetcher(std::move(rules), resolve, std::move(check));
  }
  // Of the test's server alone.
  Fetcher fetcher() { return fetcher({std::string(kHost) + ":" + site_.port()}); }
  static FetchLimits limits(milliseconds time = kPatience, size_t bytes = 50'000) {
    return {bytes, steady_clock::now() + time, {}};
  }
  Error refused(const Fetcher& fetcher, const std::string& url, const FetchLimits& limits) {
    const auto file = fetcher.fetch(url, limits);
    EXPECT_FALSE(file) << url;
    return file ? Error{ErrorCode::kInvalidArgument, ""} : file.error();
  }
  void expect_not_allowed(const Fetcher& fetcher, const std::string& url) {
    const int before = site_.asked();
    const Error error = refused(fetcher, url, limits());
    EXPECT_EQ(error.code, ErrorCode::kNotAllowed) << url << ": " << error.message;
    EXPECT_THAT(error.message, HasSubstr("expected ")) << url;
    EXPECT_EQ(site_.asked(), before) << url;
  }

  Site site_;
  // What a name means, at each time that it is looked up; the last answer stays.
  std::map<std::string, std::vector<std::vector<const char*>>> names_{{kHost, {{"127.0.0.1"}}}};
  size_t resolved_ = 0;
};

TEST_F(FetchTest, BringsWhatAListedHostHas) {
  EXPECT_EQ(fetcher().fetch(site_.url("/picture"), limits()).value(), "bytes of pictures.test:" + site_.port());
  EXPECT_EQ(resolved_, 1u);
}

TEST_F(FetchTest, OnlyHostsOfTheListAreAsked) {
  names_["other.test"] = {{"127.0.0.1"}};
  const Fetcher one = fetcher();
  expect_not_allowed(one, site_.url("/picture", "other.test"));
  expect_not_allowed(one, site_.url("/picture", "127.0.0.1"));
  expect_not_allowed(one, site_.url("/picture", "a.pictures.test"));
  expect_not_allowed(one, "http://pictures.test/picture");
  for (const char* url : {"file:///etc/passwd", "ftp://pictures.test/a", "gopher://pictures.test/a", "pictures.test/a",
                          "http://user@pictures.test/a", "http://0x7f.1/a", ""})
    expect_not_allowed(one, url);
  EXPECT_EQ(resolved_, 0u);
  EXPECT_THAT(refused(one, site_.url("/picture?secret", "other.test"), limits()).message,
              AllOf(HasSubstr("other.test"), HasSubstr("data:image/png;base64"), Not(HasSubstr("secret"))));
}

TEST_F(FetchTest, ListedHostsHaveToBePublic) {
  const std::string port = ":" + site_.port();
  const Fetcher public_alone =
      fetcher({"localhost" + port, "127.0.0.1" + port, "[::1]" + port, kHost + port, "[::ffff:127.0.0.1]" + port,
               "169.254.169.254", "10.0.0.1", "mixed.test" + port},
              not_public);
  names_["localhost"] = {{"127.0.0.1", "::1"}};
  names_["mixed.test"] = {{"8.8.8.8", "127.0.0.1"}};
  for (const char* host : {"localhost", "127.0.0.1", "[::1]", kHost, "[::ffff:127.0.0.1]", "mixed.test"})
    expect_not_allowed(public_alone, site_.url("/picture", host));
  expect_not_allowed(public_alone, "http://169.254.169.254/latest/meta-data");
  expect_not_allowed(public_alone, "http://10.0.0.1/");
  EXPECT_THAT(
      refused(public_alone, site_.url("/picture", "127.0.0.1"), limits()).message,
      HasSubstr("expected 127.0.0.1 to be a host of the public internet, found an address of the machine itself"));
}

// A name that means another machine as soon as it has been looked at.
TEST_F(FetchTest, TheAddressThatWasLookedAtIsTheOneThatIsAsked) {
  names_[kHost] = {{"127.0.0.1"}, {"10.0.0.1"}};
  EXPECT_TRUE(fetcher().fetch(site_.url("/picture"), limits()));
  EXPECT_EQ(resolved_, 1u);
  // Looked up again for a redirection, and looked at again.
  resolved_ = 0;
  const Error error = refused(fetcher(), site_.url("/go?to=/picture"), limits());
  EXPECT_EQ(error.code, ErrorCode::kNotAllowed) << error.message;
  EXPECT_EQ(resolved_, 2u);
  EXPECT_EQ(site_.asked(), 2);
}

// What libcurl itself believes of a name is of no account: to it, localhost is always this machine.
TEST_F(FetchTest, NamesMeanWhatTheResolverSays) {
  names_["localhost"] = {{"127.0.0.9"}};
  const Fetcher elsewhere = fetcher({"localhost:" + site_.port()}, [](const IpAddress&) { return nullptr; });
  EXPECT_EQ(refused(elsewhere, site_.url("/picture", "localhost"), limits()).code, ErrorCode::kIo);
  EXPECT_EQ(site_.asked(), 0);
}

TEST_F(FetchTest, SeveralAddressesAreTried) {
  names_[kHost] = {{"127.0.0.9", "127.0.0.1"}};
  const Fetcher both = fetcher({std::string(kHost) + ":" + site_.port()}, [](const IpAddress&) { return nullptr; });
  EXPECT_TRUE(both.fetch(site_.url("/picture"), limits()));
}

TEST_F(FetchTest, ProxiesOfTheEnvironmentAreNotAsked) {
  ::setenv("http_proxy", ("http://127.0.0.1:" + site_.port()).c_str(), 1);
  names_["elsewhere.test"] = {{"127.0.0.9"}};
  const Fetcher elsewhere = fetcher({"elsewhere.test:1"}, [](const IpAddress&) { return nullptr; });
  EXPECT_EQ(refused(elsewhere, "http://elsewhere.test:1/picture", limits()).code, ErrorCode::kIo);
  ::unsetenv("http_proxy");
  EXPECT_EQ(site_.asked(), 0);
}

TEST_F(FetchTest, RedirectionsStayWithinTheRules) {
  const Fetcher one = fetcher();
  for (const char* status : {"301", "302", "303", "307", "308"})
    EXPECT_TRUE(one.fetch(site_.url(std::string("/go?to=picture&status=") + status), limits())) << status;
  EXPECT_TRUE(one.fetch(site_.url("/go?to=" + site_.url("/picture")), limits()));
  for (const std::string to : {"http://other.test/", "file:///etc/passwd", "http://127.0.0.1/", "//user@pictures.test/",
                               "ftp://pictures.test/", "http://0x7f.1/"}) {
    const Error error = refused(one, site_.url("/go?to=" + to), limits());
    EXPECT_NE(error.code, ErrorCode::kLimit) << to;
    EXPECT_TRUE(error.code == ErrorCode::kNotAllowed || error.code == ErrorCode::kIo) << to << error.message;
  }
  EXPECT_THAT(refused(one, site_.url("/go?to=http://other.test/"), limits()).message,
              HasSubstr("found a redirection to other.test port 80"));
}

TEST_F(FetchTest, ThreeRedirectionsAreFollowedAndAFourthIsNot) {
  EXPECT_TRUE(fetcher().fetch(site_.url("/hops?left=3"), limits()));
  EXPECT_EQ(site_.asked(), 4);
  EXPECT_THAT(refused(fetcher(), site_.url("/hops?left=1000"), limits()).message,
              HasSubstr("expected at most 3 redirections"));
  EXPECT_EQ(site_.asked(), 8);
}

TEST_F(FetchTest, OnlyAPictureIsAnAnswer) {
  EXPECT_THAT(refused(fetcher(), site_.url("/missing"), limits()).message,
              HasSubstr("expected pictures.test to answer with the status 200, found 404"));
  EXPECT_THAT(refused(fetcher(), site_.url("/empty"), limits()).message, HasSubstr("found no bytes"));
  EXPECT_THAT(refused(fetcher(), site_.url("/none"), limits()).message, HasSubstr("found 204"));
  EXPECT_THAT(refused(fetcher(), site_.url("/go?to="), limits()).message, HasSubstr("expected "));
  EXPECT_EQ(refused(fetcher(), site_.url("/head"), limits()).code, ErrorCode::kIo);
  names_.clear();
  EXPECT_THAT(refused(fetcher(), site_.url("/picture"), limits()).message,
              HasSubstr("expected pictures.test to have an address, found none"));
}

TEST_F(FetchTest, SizesAreLimitedAnnouncedOrNot) {
  for (const char* path : {"/large", "/stream"}) {
    EXPECT_EQ(fetcher().fetch(site_.url(path), limits(kPatience, 100'000)).value().size(), 100'000u);
    const Error error = refused(fetcher(), site_.url(path), limits(kPatience, 99'999));
    EXPECT_EQ(error.code, ErrorCode::kLimit) << path;
    EXPECT_THAT(error.message, HasSubstr("expected a picture of at most 99999 bytes, found more at pictures.test"));
  }
}

TEST_F(FetchTest, TimeIsThatOfTheWholeFetch) {
  for (const char* path : {"/hang", "/drip"}) {
    const auto begin = steady_clock::now();
    const Error error = refused(fetcher(), site_.url(path), limits(milliseconds(300)));
    EXPECT_EQ(error.code, ErrorCode::kIo) << path;
    EXPECT_THAT(error.message, HasSubstr("within the time that pictures may take")) << path;
    EXPECT_LT(steady_clock::now() - begin, kPatience) << path;
  }
  EXPECT_EQ(refused(fetcher(), site_.url("/picture"), limits(milliseconds(-1))).code, ErrorCode::kIo);
}

TEST_F(FetchTest, ASlowNameServerCountsToo) {
  std::promise<void> release;
  FetchRules rules;
  rules.hosts.push_back(AllowedHost::parse("slow.test").value());
  const Fetcher slow(std::move(rules), [until = release.get_future().share()](const std::string&) {
    until.wait();
    return Result<std::vector<IpAddress>>();
  });
  EXPECT_THAT(refused(slow, "http://slow.test/", limits(milliseconds(50))).message, HasSubstr("within the time"));
  FetchLimits unwanted = limits();
  unwanted.is_wanted = [] { return false; };
  EXPECT_EQ(refused(slow, "http://slow.test/", unwanted).code, ErrorCode::kCancelled);
  release.set_value();
}

TEST_F(FetchTest, WhatNobodyWaitsForIsGivenUp) {
  FetchLimits given_up = limits(4 * kPatience);
  given_up.is_wanted = [this] { return site_.asked() == 0; };
  const auto begin = steady_clock::now();
  EXPECT_EQ(refused(fetcher(), site_.url("/hang"), given_up).code, ErrorCode::kCancelled);
  EXPECT_LT(steady_clock::now() - begin, 2 * kPatience);
}

TEST_F(FetchTest, CertificatesHaveToBeGood) {
  const std::string folder = testing::TempDir() + "paddock-fetch-" + std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  const Identity authority = make_identity("authority"), stranger = make_identity("stranger");
  const Identity named = make_identity(kHost, &authority), misnamed = make_identity("other.test", &authority);
  write_identity(authority, folder + "/authority.pem", folder + "/authority.key");
  write_identity(stranger, folder + "/stranger.pem", folder + "/stranger.key");
  const auto fetched = [&](const Identity& identity, const std::string& trusted) {
    write_identity(identity, folder + "/site.pem", folder + "/site.key");
    ServerOptions options;
    options.tls = TlsOptions{.certificate_file = folder + "/site.pem", .key_file = folder + "/site.key"};
    Site secure(std::move(options));
    FetchRules rules;
    rules.hosts.push_back(AllowedHost::parse(std::string(kHost) + ":" + secure.port()).value());
    rules.ca_file = trusted.empty() ? "" : folder + "/" + trusted;
    const Fetcher one(
        std::move(rules), [](const std::string&) { return std::vector{*IpAddress::parse("127.0.0.1")}; },
        only_the_test);
    const std::string address = "https://" + std::string(kHost) + ":" + secure.port();
    const auto back = one.fetch(address + "/go?to=" + secure.url("/picture"), limits());
    EXPECT_FALSE(back);
    if (trusted == "authority.pem" && identity.key == named.key) {
      EXPECT_THAT(back.error().message, HasSubstr("expected a redirection from https to stay there"));
    }
    return one.fetch(address + "/picture", limits());
  };
  EXPECT_TRUE(fetched(named, "authority.pem"));
  for (const auto& wrong : {fetched(named, "stranger.pem"), fetched(misnamed, "authority.pem"), fetched(named, "")}) {
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::kIo);
    EXPECT_THAT(wrong.error().message, HasSubstr("expected a picture from pictures.test, found a problem: SSL"));
  }
  std::filesystem::remove_all(folder);
}

TEST(SystemAddresses, KnowThisMachineAndNoNonsense) {
  const auto addresses = system_addresses("127.0.0.1");
  ASSERT_TRUE(addresses);
  EXPECT_EQ(*addresses, std::vector{*IpAddress::parse("127.0.0.1")});
}

}  // namespace
}  // namespace paddock::net
