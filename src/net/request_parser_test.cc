// SPDX-License-Identifier: Apache-2.0
// What the parser takes, refuses, and where it finds the end of a request, however the bytes are cut.

#include "net/request_parser.h"

#include <gtest/gtest.h>

namespace paddock::net {
namespace {

using State = RequestParser::State;

struct Parsed {
  State state = State::kHead;
  int status = 0;  // of a refusal
  Request request;
  size_t taken = 0;
};

// Feeds portions until a request is whole or refused.
Parsed parse(std::string_view bytes, size_t portion, const ParserLimits& limits) {
  RequestParser parser(limits);
  Parsed parsed;
  for (size_t begin = 0; begin < bytes.size();) {
    const std::string_view fed = bytes.substr(begin, portion);
    size_t taken = 0;
    while (true) {
      taken += parser.feed(fed.substr(taken));
      if (parser.state() != State::kHeadDone) break;
      parser.proceed();
    }
    parsed.taken += taken;
    if (parser.state() == State::kDone || parser.state() == State::kRefused) break;
    EXPECT_EQ(taken, fed.size());
    begin += fed.size();
  }
  parsed.state = parser.state();
  parsed.status = parser.state() == State::kRefused ? parser.refusal().status : 0;
  if (parser.state() == State::kDone) parsed.request = parser.take_request();
  return parsed;
}

// The same whole, byte by byte and in portions.
Parsed parse(std::string_view bytes, const ParserLimits& limits = {}) {
  const Parsed whole = parse(bytes, bytes.size(), limits);
  for (const size_t portion : {1, 2, 3, 7}) {
    const Parsed cut = parse(bytes, portion, limits);
    EXPECT_EQ(cut.state, whole.state) << portion << ": " << bytes.substr(0, 200);
    EXPECT_EQ(cut.status, whole.status) << portion << ": " << bytes.substr(0, 200);
    EXPECT_EQ(cut.request.body, whole.request.body);
    EXPECT_EQ(cut.request.headers.size(), whole.request.headers.size());
    if (whole.state == State::kDone) {
      EXPECT_EQ(cut.taken, whole.taken);
    }
  }
  return whole;
}

std::string chunked(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

int status_of_field(const std::string& lines) {
  return parse("POST /x HTTP/1.1\r\nHost: t\r\n" + lines + "\r\n\r\n").status;
}
int status_of_line(const std::string& line) { return parse(line + "\r\nHost: t\r\n\r\n").status; }

TEST(RequestParser, ReadsHeadAndBody) {
  const std::string request =
      "POST /a%20b?q=1 HTTP/1.1\r\nHost: t\r\nX-One:  1 \r\nx-one:2\r\nContent-Length: 3\r\n\r\nabc";
  const Parsed parsed = parse(request + "GET / HTTP/1.1\r\n");
  ASSERT_EQ(parsed.state, State::kDone);
  EXPECT_EQ(parsed.taken, request.size());  // the next request is left alone
  EXPECT_EQ(parsed.request.method, "POST");
  EXPECT_EQ(parsed.request.target.segments, std::vector<std::string>{"a b"});
  EXPECT_EQ(parsed.request.headers.all("X-ONE"), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_EQ(parsed.request.body, "abc");
}

TEST(RequestParser, ForgivesOneEmptyLineBefore) {
  EXPECT_EQ(parse("\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n").state, State::kDone);
  EXPECT_EQ(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n").status, 400);
}

TEST(RequestParser, DecodesChunks) {
  const std::string body = "4\r\nWiki\r\n6;name=value;q=\"a;b\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n";
  const Parsed parsed = parse(chunked(body) + "GET");
  ASSERT_EQ(parsed.state, State::kDone);
  EXPECT_EQ(parsed.request.body, "Wikipedia in \r\n\r\nchunks.");
  EXPECT_EQ(parsed.taken, chunked(body).size());
  EXPECT_EQ(parse(chunked("000a\r\n0123456789\r\n00\r\n\r\n")).request.body, "0123456789");
}

TEST(RequestParser, DropsTrailers) {
  const Parsed parsed = parse(chunked("1\r\nx\r\n0;last\r\nAuthorization: Bearer stolen\r\nX: y\r\n\r\n"));
  ASSERT_EQ(parsed.state, State::kDone);
  EXPECT_FALSE(parsed.request.headers.find("Authorization"));
  EXPECT_EQ(parsed.request.headers.size(), 2u);
}

TEST(RequestParser, RefusesBadChunks) {
  for (const std::string_view body :
       {"g\r\nx\r\n", "\r\nx\r\n", "-1\r\nx\r\n", "+1\r\nx\r\n", "0x1\r\nx\r\n0\r\n\r\n", " 1\r\nx\r\n0\r\n\r\n",
        "1 \r\nx\r\n0\r\n\r\n0", "1\r\nxy\r\n0\r\n\r\n", "1\nx\n0\n\n", "1;\r\r\nx\r\n", "2\r\nx\r\n0\r\n\r\n0\r\n\r\n",
        "10000000000000000\r\nx\r\n", "fffffffffffffffff\r\nx\r\n", "1;a\tb\x01\r\nx\r\n0\r\n\r\n",
        "0\r\n X: folded\r\n\r\n", "00000000000000001\r\nx\r\n0\r\n\r\n", "0\r\nbad trailer\r\n\r\n",
        "0\r\nX: a\nY: b\r\n\r\n"}) {
    const Parsed parsed = parse(chunked(body));
    EXPECT_EQ(parsed.status, 400) << body;
  }
  for (const std::string_view body : {"ffffffffffffffff\r\nx\r\n", "7fffffff\r\nx\r\n"})
    EXPECT_EQ(parse(chunked(body)).status, 413) << body;
}

TEST(RequestParser, BoundsBodies) {
  ParserLimits limits;
  limits.body_bytes = 10;
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 11\r\n\r\n", limits).status, 413);
  EXPECT_EQ(parse("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n0123456789", limits).state, State::kDone);
  EXPECT_EQ(parse(chunked("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), limits).state, State::kDone);
  EXPECT_EQ(parse(chunked("5\r\n01234\r\n6\r\n56789x\r\n0\r\n\r\n"), limits).status, 413);
  // Extensions and trailers are no body, and have bounds of their own.
  limits.header_bytes = 1000;
  EXPECT_EQ(parse(chunked("1;" + std::string(2000, 'e') + "\r\nx\r\n0\r\n\r\n"), limits).status, 400);
  std::string many, few;
  for (int index = 0; index < 250; ++index) (index < 50 ? few : many) += "1;ext=value\r\nx\r\n";
  limits.body_bytes = 1000;
  EXPECT_EQ(parse(chunked(few + "0\r\n\r\n"), limits).state, State::kDone);
  EXPECT_EQ(parse(chunked(many + "0\r\n\r\n"), limits).status, 400);
  EXPECT_EQ(parse(chunked("0\r\nT: " + std::string(2000, 't') + "\r\n\r\n"), limits).status, 400);
}

TEST(RequestParser, BoundsHeads) {
  ParserLimits limits;
  limits.header_bytes = 200;
  limits.header_fields = 3;
  const auto with = [](const std::string& fields) { return "GET / HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n"; };
  EXPECT_EQ(parse(with("A: 1\r\nB: 2\r\n"), limits).state, State::kDone);
  EXPECT_EQ(parse(with("A: 1\r\nB: 2\r\nC: 3\r\n"), limits).status, 431);
  EXPECT_EQ(parse(with("A: " + std::string(160, 'a') + "\r\n"), limits).state, State::kDone);
  EXPECT_EQ(parse(with("A: " + std::string(170, 'a') + "\r\n"), limits).status, 431);
  EXPECT_EQ(parse(std::string(300, 'A'), limits).status, 431);
  EXPECT_EQ(parse("GET /" + std::string(300, 'a'), limits).status, 431);
}

TEST(RequestParser, RefusesWhatTwoReadersMayReadDifferently) {
  EXPECT_EQ(status_of_field("Content-Length: 0"), 0);
  for (const std::string field : {"Content-Length: 5\r\nTransfer-Encoding: chunked",
                                  "Transfer-Encoding: chunked\r\nContent-Length: 5",
                                  "Content-Length: 5\r\nContent-Length: 6",
                                  "Content-Length: 5\r\nContent-Length: 5",
                                  "Content-Length: 5, 5",
                                  "Content-Length: -1",
                                  "Content-Length: +1",
                                  "Content-Length: 1 1",
                                  "Content-Length: 0x10",
                                  "Content-Length: 1e3",
                                  "Content-Length:",
                                  "Content-Length: 18446744073709551616",
                                  "Content-Length: 99999999999999999999999999",
                                  "Transfer-Encoding: xchunked",
                                  "Transfer-Encoding: chunked, identity",
                                  "Transfer-Encoding: gzip, chunked",
                                  "Transfer-Encoding: identity",
                                  "Transfer-Encoding:",
                                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                                  "Transfer-Encoding: \x0b"
                                  "chunked",
                                  "Transfer-Encoding : chunked",
                                  "Content-Length : 5",
                                  " Content-Length: 5",
                                  "X: y\r\n Content-Length: 5",
                                  "X: y\r\n\tz",
                                  "X y",
                                  ": y",
                                  "X\x80: y",
                                  "X\n: y",
                                  "X: a\rb",
                                  "X: a\nTransfer-Encoding: chunked",
                                  "X: a\x01",
                                  "Host: other",
                                  "host: t",
                                  "Content-Length: 5\x0c"})
    EXPECT_EQ(status_of_field(field), 400) << field;
  EXPECT_EQ(status_of_field(std::string("X: a\0b", 6)), 400);
  EXPECT_EQ(status_of_field(std::string("X\0: b", 5)), 400);
}

TEST(RequestParser, RefusesBadRequestLines) {
  EXPECT_EQ(status_of_line("GET / HTTP/1.1"), 0);
  EXPECT_EQ(status_of_line("BREW /pot HTTP/1.1"), 0);  // for the routes to refuse
  for (const std::string line : {"GET /",
                                 "GET / HTTP/0.9",
                                 "GET / HTTP/2.0",
                                 "GET / HTTP/1.2",
                                 "GET / HTTP/11",
                                 "GET / http/1.1",
                                 "GET / HTTP/1.1 ",
                                 "GET  / HTTP/1.1",
                                 "GET / / HTTP/1.1",
                                 "GET\t/ HTTP/1.1",
                                 " GET / HTTP/1.1",
                                 "get / HTTP/1.1",
                                 "Get / HTTP/1.1",
                                 "G@T / HTTP/1.1",
                                 " / HTTP/1.1",
                                 "GET http://t/ HTTP/1.1",
                                 "GET t HTTP/1.1",
                                 "GET * HTTP/1.1",
                                 "CONNECT t:80 HTTP/1.1",
                                 "GET /a#b HTTP/1.1",
                                 "GET /a\\b HTTP/1.1",
                                 "GET /\x80 HTTP/1.1",
                                 "GET /%zz HTTP/1.1",
                                 "GET /%00 HTTP/1.1",
                                 "GET /../etc/passwd HTTP/1.1",
                                 "GET /a/%2e%2e/b HTTP/1.1"})
    EXPECT_EQ(status_of_line(line), 400) << line;
  EXPECT_EQ(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 400);
  EXPECT_EQ(parse("GET / HTTP/1.1\nHost: t\n\n").status, 400);
  EXPECT_EQ(parse("\x16\x03\x01\x02").status, 400);  // TLS: known by its first byte
  EXPECT_EQ(parse("GET /\r\n").status, 400);         // not waited for
}

TEST(RequestParser, WantsOneHost) {
  const auto status = [](const std::string& host) { return parse("GET / HTTP/1.1\r\n" + host + "\r\n").status; };
  for (const std::string host : {"Host: t\r\n", "Host: t:80\r\n", "hOST:[::1]:80\r\n"})
    EXPECT_EQ(status(host), 0) << host;
  for (const std::string host : {"", "Host:\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: u@t\r\n", "Host: \x80\r\n"})
    EXPECT_EQ(status(host), 400) << host;
  EXPECT_EQ(parse("GET / HTTP/1.0\r\n\r\n").status, 0);
  EXPECT_EQ(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status, 400);
}

TEST(RequestParser, BeginsAnew) {
  RequestParser parser({});
  const std::string two = "POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nxGET /b HTTP/1.1\r\nHost: t\r\n\r\n";
  size_t taken = parser.feed(two);
  parser.proceed();
  taken += parser.feed(std::string_view(two).substr(taken));
  ASSERT_EQ(parser.state(), State::kDone);
  EXPECT_EQ(parser.feed("nothing is taken now"), 0u);
  EXPECT_EQ(parser.take_request().body, "x");
  EXPECT_FALSE(parser.begun());
  parser.feed(std::string_view(two).substr(taken));
  parser.proceed();
  ASSERT_EQ(parser.state(), State::kDone);
  const Request second = parser.take_request();
  EXPECT_EQ(second.target.path, "/b");
  EXPECT_TRUE(second.body.empty());
  EXPECT_EQ(second.headers.size(), 1u);
}

}  // namespace
}  // namespace paddock::net
