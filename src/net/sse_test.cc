// SPDX-License-Identifier: Apache-2.0
#include "net/sse.h"

#include <gtest/gtest.h>

#include "net/response_head.h"

namespace paddock::net {
namespace {

TEST(ServerSentEvents, EscapeLines) {
  EXPECT_EQ(encode_event("", "{}"), "data: {}\n\n");
  EXPECT_EQ(encode_event("delta", "a"), "event: delta\ndata: a\n\n");
  EXPECT_EQ(encode_event("", ""), "data: \n\n");
  EXPECT_EQ(encode_event("", "a\nb\rc\r\nd\n"), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  EXPECT_EQ(encode_event("", "x\n\nevent: forged\ndata: y"), "data: x\ndata: \ndata: event: forged\ndata: data: y\n\n");
  EXPECT_EQ(encode_event(std::string("a\nid: 1\r\0", 9), " b"), "event: aid: 1\ndata:  b\n\n");
}

TEST(ResponseHead, WritesDates) {
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110's example
}

TEST(ResponseHead, FramesTheBody) {
  const std::string head = render_head(200, {{"A", "1"}}, {.content_length = 5, .close = true});
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_TRUE(head.ends_with(" GMT\r\nA: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(render_head(599, {}, {.chunked = true}).ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

}  // namespace
}  // namespace paddock::net
