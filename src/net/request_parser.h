// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes to requests, without a socket: what a connection and the fuzz target feed alike. Beast's parser reads the head
// and decodes the body, behind the stricter rules of head_rules.h.

#include <cstddef>
#include <string>
#include <string_view>

#include "net/chunked_body.h"
#include "net/head_rules.h"
#include "net/request.h"

namespace paddock::net {

struct ParserLimits {
  size_t header_bytes = 32 << 10;  // request line and fields; as much again for extensions and trailers of chunks
  size_t header_fields = 100;
  size_t body_bytes = 32 << 20;  // decoded
};

// One request after another. Memory: the limits' bytes and one portion that is fed.
class RequestParser {
 public:
  enum class State {
    kHead,      // wants bytes of the head
    kHeadDone,  // the head is known: call proceed()
    kBody,      // wants bytes of the body
    kDone,      // take_request()
    kRefused,   // refusal(); what follows cannot be told from the body and must not be read as a request
  };

  explicit RequestParser(const ParserLimits& limits);
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Takes bytes from the front and returns how many: all of them, or fewer when the state has become one that wants
  // none.
  size_t feed(std::string_view bytes);

  // After kHeadDone: kBody, kDone where there is no body, or kRefused where it is announced to be too large.
  void proceed();

  State state() const { return state_; }
  bool begun() const;  // a byte of this request has come
  const Refusal& refusal() const { return refusal_; }
  const HeadFacts& facts() const { return rules_.facts(); }  // after the head
  bool has_body() const { return facts().chunked || facts().content_length > 0; }
  const Request& request() const { return request_; }  // the head from kHeadDone on, the body grows

  // After kHeadDone: says who asks, which bytes do not.
  void identify(std::string id, Peer peer);

  // After kDone; the parser begins anew.
  Request take_request();

 private:
  void begin_anew();
  void refuse(Refusal refusal);
  size_t take_head(std::string_view bytes);
  bool take_line(std::string_view line);
  void read_head();
  void refuse_large_body();
  size_t take_body(std::string_view bytes);
  size_t take_chunks(std::string_view bytes);

  ParserLimits limits_;
  State state_ = State::kHead;
  Refusal refusal_;
  Request request_;
  HeadRules rules_;
  std::string head_;
  size_t line_begin_ = 0;       // in head_: of the line that has not ended
  bool skipped_empty_ = false;  // one empty line before a request is forgiven (RFC 9112 section 2.2)
  ChunkedBody chunks_;
};

}  // namespace paddock::net
