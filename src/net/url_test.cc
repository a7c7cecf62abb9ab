// SPDX-License-Identifier: Apache-2.0
#include "net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/allowed_host.h"

namespace paddock::net {
namespace {

using testing::HasSubstr;

TEST(Url, IsTakenApart) {
  const Url url = parse_url("HTTPS://Images.Example.COM:8443/a/../b%20c.png?x=1&y=//z#part").value();
  EXPECT_TRUE(url.is_secure);
  EXPECT_EQ(url.authority.host, "images.example.com");
  EXPECT_EQ(url.port(), 8443);
  EXPECT_EQ(url.target, "/a/../b%20c.png?x=1&y=//z");
  EXPECT_EQ(url.text(), "https://images.example.com:8443/a/../b%20c.png?x=1&y=//z");
}

TEST(Url, HasTheSchemesPort) {
  EXPECT_EQ(parse_url("http://a")->text(), "http://a:80/");
  EXPECT_EQ(parse_url("https://a?b")->text(), "https://a:443/?b");
  EXPECT_EQ(parse_url("http://a#b")->text(), "http://a:80/");
}

TEST(Url, AddressesHaveOneSpelling) {
  EXPECT_EQ(parse_url("http://203.0.113.7/")->authority.address, IpAddress::parse("203.0.113.7"));
  EXPECT_EQ(parse_url("http://[2001:DB8:0:0::1]:81/a")->text(), "http://[2001:db8::1]:81/a");
  EXPECT_EQ(parse_url("http://[::FFFF:7f00:1]/")->authority.host, "::ffff:127.0.0.1");
}

TEST(Url, WhatProgramsReadDifferentlyIsRefused) {
  for (const char* text :
       {"", "a", "/a", "//a/b", "http:/a", "http:a", "http://", "http:///a", "http://:80/", "file:///etc/passwd",
        "ftp://a/", "gopher://a/", "javascript://a/", "data:image/png;base64,AA", " http://a/", "http ://a/",
        // users
        "http://user@a/", "http://user:word@a/", "http://a@b/", "http://@a/", "http://a%40b/", "http://a:80@b/",
        // characters
        "http://a\\b/", "http://a/b c", "http://a/b\tc", "http://a/\n", "http://a/\x7f", "http://\xc3\xa4.example/",
        "http://a/\xc3\xa4", "http://a%2eb/", "http://a,b/", "http://a*/", "http://a;b/", "http://a'b/",
        // names
        "http://a./", "http://.a/", "http://a..b/", "http://./", "http://-/\r\nHost: b",
        // spellings of addresses
        "http://0x7f.1/", "http://0x7f000001/", "http://017700000001/", "http://2130706433/", "http://127.1/",
        "http://0177.0.0.1/", "http://127.0.0.01/", "http://127.0.0.1./", "http://1.2.3.4.5/", "http://256.0.0.1/",
        "http://a.1/", "http://a.0x1/", "http://a.0X1/", "http://1/", "http://0/",
        // brackets
        "http://[::1/", "http://::1/", "http://[::1]a/", "http://[::1%25lo]/", "http://[::1%lo]/",
        "http://[127.0.0.1]/", "http://[a]/", "http://[]/", "http://[v1.a]/", "http://[::1]]/",
        "http://[fe80::1%eth0]/",
        // ports
        "http://a:/", "http://a:0/", "http://a:65536/", "http://a:-1/", "http://a:+80/", "http://a:80:80/",
        "http://a:8a/", "http://a:0x50/", "http://[::1]:/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text << " is " << url->text();
    EXPECT_THAT(url.error().message, HasSubstr("expected an address as https://"));
  }
  EXPECT_FALSE(parse_url(std::string_view("http://1.2.3.4\0.a/", 18)));
  EXPECT_FALSE(parse_url("http://" + std::string(64, 'a') + "/"));
  EXPECT_TRUE(parse_url("http://" + std::string(63, 'a') + "/"));
  EXPECT_FALSE(parse_url("http://a/" + std::string(kLongestUrl, 'a')));
}

TEST(Url, ErrorsDoNotRepeatSecrets) {
  EXPECT_THAT(parse_url("http://user:secret@a/?secret").error().message, testing::Not(HasSubstr("secret")));
}

bool allows(const char* host, const char* url) { return AllowedHost::parse(host).value().allows(*parse_url(url)); }

TEST(AllowedHost, IsOneHostOrAllBelow) {
  EXPECT_TRUE(allows("images.example.com", "https://IMAGES.example.com/a.png"));
  EXPECT_TRUE(allows("Images.Example.com", "http://images.example.com/a.png"));
  EXPECT_FALSE(allows("images.example.com", "https://a.images.example.com/"));
  EXPECT_FALSE(allows("images.example.com", "https://images.example.com.evil.org/"));
  EXPECT_TRUE(allows("*.example.com", "https://a.example.com/"));
  EXPECT_TRUE(allows("*.example.com", "https://a.b.example.com/"));
  EXPECT_FALSE(allows("*.example.com", "https://example.com/"));
  EXPECT_FALSE(allows("*.example.com", "https://evilexample.com/"));
  EXPECT_TRUE(allows("[2001:db8::1]", "https://[2001:DB8:0::1]/"));
}

TEST(AllowedHost, HasThePortsOfTheWebUnlessItNamesOne) {
  EXPECT_FALSE(allows("a.example", "https://a.example:8443/"));
  EXPECT_FALSE(allows("a.example", "https://a.example:80/"));
  EXPECT_TRUE(allows("a.example:8443", "https://a.example:8443/"));
  EXPECT_TRUE(allows("a.example:8443", "http://a.example:8443/"));
  EXPECT_FALSE(allows("a.example:8443", "https://a.example/"));
  EXPECT_TRUE(allows("*.example:81", "http://a.example:81/"));
}

TEST(AllowedHost, WhatIsNoHostIsRefused) {
  for (const char* text : {"", "*", "*.", "*.*", "a*", "*a.example", "*.127.0.0.1", "https://a.example", "a.example/",
                           "a.example/a", "user@a.example", "0x7f.1", "a.example:0", "a b", "*.[::1]"})
    EXPECT_THAT(AllowedHost::parse(text).error().message, HasSubstr("expected a host as")) << text;
}

}  // namespace
}  // namespace paddock::net
