// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the head of a request must look like before the library's parser sees it.
//
// Beast reads what RFC 9112 lets a lenient recipient read: continued lines, methods of any case, any bytes in the
// target, lists of equal Content-Lengths, a Transfer-Encoding that does not end in "chunked" (then it sees no body), no
// Host, two Hosts. Each of these is harmless alone and a hole behind a proxy that reads it otherwise: request smuggling
// lives on two readers who disagree where a request ends. Clients of APIs send none of them, so that refusing is the
// safe choice.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddock::net {

// A control character other than a tab, which no line of a message may hold.
bool has_control(std::string_view line);

// "name:value" with nothing between name and colon, and not the continuation of another line.
bool is_field(std::string_view line);

// Why a request is refused before a handler sees it.
struct Refusal {
  int status = 400;
  std::string message;  // a sentence without the client's bytes
};

// How the body is framed, and what the head says about the connection.
struct HeadFacts {
  bool chunked = false;
  uint64_t content_length = 0;
  bool expects_continue = false;
  bool keep_alive = false;  // HTTP/1.1 without "Connection: close"
};

// Takes the head line by line, so that what is wrong is known as soon as its line has come.
class HeadRules {
 public:
  explicit HeadRules(size_t max_fields) : max_fields_(max_fields) {}

  // A line without its CR LF; the empty one ends the head. Linear in its size.
  std::optional<Refusal> line(std::string_view line);
  bool finished() const { return finished_; }
  const HeadFacts& facts() const { return facts_; }

 private:
  using Refused = std::optional<Refusal>;
  Refused request_line(std::string_view line);
  Refused field(std::string_view line);
  Refused host(std::string_view value);
  Refused content_length(std::string_view value);
  Refused transfer_encoding(std::string_view value);
  Refused expect(std::string_view value);
  Refused finish();

  size_t max_fields_;
  HeadFacts facts_;
  size_t lines_ = 0;
  int hosts_ = 0, lengths_ = 0;
  bool version_1_0_ = false, closes_ = false, finished_ = false;
};

}  // namespace paddock::net
