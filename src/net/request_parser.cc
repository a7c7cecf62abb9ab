// SPDX-License-Identifier: Apache-2.0
#include "net/request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

namespace paddock::net {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

// Fills in a request's head. What follows the head is not Beast's to read.
class HeadParser final : public http::basic_parser<true> {
 public:
  explicit HeadParser(Request& request) : request_(request) {}

  std::string_view target() const { return target_; }

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code&) override {
    request_.method.assign(method.data(), method.size());
    target_.assign(target.data(), target.size());
    request_.version = version;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    request_.headers.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  size_t on_body_impl(string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}

  Request& request_;
  std::string target_;
};

}  // namespace

RequestParser::RequestParser(const ParserLimits& limits)
    : limits_(limits), rules_(limits.header_fields), chunks_(limits.body_bytes, limits.header_bytes) {}

bool RequestParser::begun() const { return state_ != State::kHead || !head_.empty(); }

void RequestParser::refuse(Refusal refusal) {
  state_ = State::kRefused;
  refusal_ = std::move(refusal);
}

size_t RequestParser::feed(std::string_view bytes) {
  if (state_ == State::kHead) return take_head(bytes);
  if (state_ == State::kBody) return take_body(bytes);
  return 0;
}

size_t RequestParser::take_head(std::string_view bytes) {
  size_t taken = 0;
  while (state_ == State::kHead && taken < bytes.size()) {
    // Up to the end of a line, or all there is.
    const size_t newline = bytes.find('\n', taken);
    const size_t end = newline == std::string_view::npos ? bytes.size() : newline + 1;
    const size_t room = limits_.header_bytes - head_.size();
    head_.append(bytes.substr(taken, std::min(end - taken, room)));
    if (end - taken > room) {
      refuse({431, fmt::format("header: expected at most {} bytes, found more", limits_.header_bytes)});
      break;
    }
    taken = end;
    // What cannot begin a request, such as TLS on a port without it, is not waited for.
    if (head_[0] != '\r' && !is_token(std::string_view(head_).substr(0, 1))) {
      refuse({400, "request line: expected a method, found something else"});
      break;
    }
    if (newline != std::string_view::npos && take_line(std::string_view(head_).substr(line_begin_))) read_head();
  }
  return taken;
}

// A line with its end. True when the head is whole and nothing is wrong with it.
bool RequestParser::take_line(std::string_view line) {
  if (!line.ends_with("\r\n")) {
    refuse({400, "header: expected lines that end with CR LF, found LF alone"});
    return false;
  }
  if (line_begin_ == 0 && line.size() == 2 && !skipped_empty_) {
    skipped_empty_ = true;
    head_.clear();
    return false;
  }
  if (std::optional<Refusal> refused = rules_.line(line.substr(0, line.size() - 2))) {
    refuse(std::move(*refused));
    return false;
  }
  line_begin_ = head_.size();
  return rules_.finished();
}

void RequestParser::read_head() {
  HeadParser parser(request_);
  parser.header_limit(static_cast<uint32_t>(head_.size() + 1));
  parser.body_limit(boost::none);  // proceed() looks at it
  error_code ec;
  parser.put(boost::asio::const_buffer(head_.data(), head_.size()), ec);
  if ((ec && ec != http::error::need_more) || !parser.is_header_done())
    return refuse({400, "header: expected the form of RFC 9112, found something else"});
  if (parser.target() == "*" && request_.method != "OPTIONS")
    return refuse({400, "request target: * is for OPTIONS alone"});
  auto target = parse_target(parser.target());
  if (!target) return refuse({400, target.error().message});
  request_.target = std::move(*target);
  state_ = State::kHeadDone;
}

void RequestParser::proceed() {
  if (state_ != State::kHeadDone) return;
  if (facts().content_length > limits_.body_bytes) return refuse_large_body();
  state_ = has_body() ? State::kBody : State::kDone;
}

void RequestParser::refuse_large_body() {
  refuse({413, fmt::format("body: expected at most {} bytes, found more", limits_.body_bytes)});
}

size_t RequestParser::take_body(std::string_view bytes) {
  if (facts().chunked) return take_chunks(bytes);
  const size_t missing = facts().content_length - request_.body.size();
  const size_t taken = std::min(missing, bytes.size());
  request_.body.append(bytes.substr(0, taken));
  if (taken == missing) state_ = State::kDone;
  return taken;
}

size_t RequestParser::take_chunks(std::string_view bytes) {
  const size_t taken = chunks_.feed(bytes, request_.body);
  switch (chunks_.state()) {
    case ChunkedBody::State::kMore: break;
    case ChunkedBody::State::kDone: state_ = State::kDone; break;
    case ChunkedBody::State::kTooLarge: refuse_large_body(); break;
    case ChunkedBody::State::kBad:
      refuse({400, "body: expected chunks of the form of RFC 9112, found something else"});
      break;
  }
  return taken;
}

void RequestParser::identify(std::string id, Peer peer) {
  request_.id = std::move(id);
  request_.peer = std::move(peer);
}

Request RequestParser::take_request() {
  Request taken = std::move(request_);
  begin_anew();
  return taken;
}

void RequestParser::begin_anew() {
  state_ = State::kHead;
  request_ = Request();
  rules_ = HeadRules(limits_.header_fields);
  head_.clear();
  line_begin_ = 0;
  skipped_empty_ = false;
  chunks_ = ChunkedBody(limits_.body_bytes, limits_.header_bytes);
}

}  // namespace paddock::net
