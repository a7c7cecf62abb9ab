// SPDX-License-Identifier: Apache-2.0
// Bytes of a connection, through the parser that the server feeds. However they are cut, the same requests come out;
// what comes out keeps the rules that handlers rely on. The first byte sets the size of the portions.

#include <string>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "net/request_parser.h"

namespace {

using paddock::net::Request;
using paddock::net::RequestParser;

struct Outcome {
  std::vector<Request> requests;
  size_t taken = 0;  // up to the end of the last request
  int refused = 0;
};

void check_rules(const Request& request, const paddock::net::ParserLimits& limits) {
  CHECK(paddock::net::is_token(request.method));
  CHECK(request.body.size() <= limits.body_bytes);
  CHECK(request.headers.size() <= limits.header_fields);
  for (const auto& [name, value] : request.headers) {
    CHECK(paddock::net::is_token(name));
    CHECK(!paddock::net::has_control(value));
  }
  CHECK(request.headers.all("Host").size() + (request.version == 10) >= 1);
  CHECK(request.headers.all("Content-Length").size() + request.headers.all("Transfer-Encoding").size() <= 1);
  CHECK(!request.target.segments.empty());
  for (const std::string& segment : request.target.segments) {
    CHECK(paddock::is_valid_utf8(segment));
    CHECK(segment != "." && segment != "..");
  }
}

Outcome parse(std::string_view bytes, size_t portion, const paddock::net::ParserLimits& limits) {
  Outcome outcome;
  RequestParser parser(limits);
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t taken = parser.feed(bytes.substr(begin, portion));
    begin += taken;
    if (parser.state() == RequestParser::State::kHeadDone) parser.proceed();
    if (parser.state() == RequestParser::State::kRefused) {
      outcome.refused = parser.refusal().status;
      CHECK(outcome.refused >= 400 && outcome.refused < 500);
      return outcome;
    }
    if (parser.state() == RequestParser::State::kDone) {
      outcome.taken = begin;
      outcome.requests.push_back(parser.take_request());
      check_rules(outcome.requests.back(), limits);
    } else {
      CHECK(taken > 0);
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const paddock::net::ParserLimits limits{.header_bytes = 2048, .header_fields = 20, .body_bytes = 4096};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = parse(bytes, bytes.size() + 1, limits);
  const Outcome cut = parse(bytes, data[0] % 16 + 1, limits);
  CHECK(whole.refused == cut.refused);
  CHECK(whole.taken == cut.taken);
  CHECK(whole.requests.size() == cut.requests.size());
  for (size_t index = 0; index < whole.requests.size(); ++index) {
    CHECK(whole.requests[index].body == cut.requests[index].body);
    CHECK(whole.requests[index].target.path == cut.requests[index].target.path);
    CHECK(whole.requests[index].headers.size() == cut.requests[index].headers.size());
  }
  return 0;
}
