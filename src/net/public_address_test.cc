// SPDX-License-Identifier: Apache-2.0
#include "net/public_address.h"

#include <gtest/gtest.h>

namespace paddock::net {
namespace {

const char* what(const char* text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address ? not_public(*address) : "nothing";
}

TEST(IpAddress, HasOneSpelling) {
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0:0:0:0:1")->text(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("8.8.8.8")->text(), "8.8.8.8");
  for (const char* text : {"", "8", "8.8", "8.8.8", "08.8.8.8", "8.8.8.8.", "0x8.8.8.8", "8.8.8.256", " 8.8.8.8", "::g",
                           "1::2::3", "fe80::1%lo", ":", "[::1]"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

// Both edges of every range, and their neighbours.
TEST(NotPublic, EdgesOfRanges) {
  const struct {
    const char *before, *first, *last, *behind;  // null: that one is not public either
  } ranges[] = {
      {nullptr, "0.0.0.0", "0.255.255.255", "1.0.0.0"},
      {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
      {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
      {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
      {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
      {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
      {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
      {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
      {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
      {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
      {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
      {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
      {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
      {"223.255.255.255", "224.0.0.0", "255.255.255.255", nullptr},
      {nullptr, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", nullptr},
      {nullptr, "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
      {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
      {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
      {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
      {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", nullptr}};
  for (const auto& range : ranges) {
    for (const char* outside : {range.before, range.behind})
      EXPECT_TRUE(outside == nullptr || what(outside) == nullptr) << outside;
    EXPECT_NE(what(range.first), nullptr) << range.first;
    EXPECT_NE(what(range.last), nullptr) << range.last;
  }
}

TEST(NotPublic, SaysWhatItIs) {
  EXPECT_STREQ(what("127.0.0.1"), "an address of the machine itself");
  EXPECT_STREQ(what("0.0.0.0"), "an address of the machine itself");
  EXPECT_STREQ(what("::1"), "an address of the machine itself");
  EXPECT_STREQ(what("::"), "an address of the machine itself");
  EXPECT_STREQ(what("192.168.1.1"), "an address of a private network");
  EXPECT_STREQ(what("fd00::1"), "an address of a private network");
  EXPECT_STREQ(what("169.254.169.254"), "an address of the local link");
  EXPECT_STREQ(what("fe80::1"), "an address of the local link");
  EXPECT_STREQ(what("ff02::1"), "an address of a group");
  EXPECT_STREQ(what("fec0::1"), "a reserved address");
}

TEST(NotPublic, OthersInside) {
  // Mapped, compatible, 6to4 and Teredo are for nobody, whatever they hold.
  for (const char* text : {"::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "2002:7f00:1::",
                           "2002:808:808::", "2001:0:7f00:1::", "::ffff:0:127.0.0.1", "64:ff9b:1::8.8.8.8"})
    EXPECT_NE(what(text), nullptr) << text;
  // Where a network translates, what is behind decides.
  EXPECT_EQ(what("64:ff9b::8.8.8.8"), nullptr);
  EXPECT_STREQ(what("64:ff9b::10.0.0.1"), "an address of a private network");
  EXPECT_STREQ(what("64:ff9b::127.0.0.1"), "an address of the machine itself");
}

TEST(NotPublic, ThePublicInternet) {
  for (const char* text :
       {"1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860::1"})
    EXPECT_EQ(what(text), nullptr) << text;
}

}  // namespace
}  // namespace paddock::net
