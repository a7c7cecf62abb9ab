// SPDX-License-Identifier: Apache-2.0
#include "net/site.h"

#include <fmt/format.h>

#include <random>

namespace paddock::net {

Site::Site(const Limits& limits, ServerCallbacks callbacks) : limits_(limits), callbacks_(std::move(callbacks)) {
  std::random_device source;
  id_prefix_ = fmt::format("{:08x}{:08x}", source(), source());
}

std::string Site::next_request_id() { return fmt::format("req_{}{:08x}", id_prefix_, ++next_id_); }

Response Site::refusal(const Refusal& refusal, const Peer& peer) {
  ++counters_.refused;
  Response response;
  if (callbacks_.refusal)
    response = callbacks_.refusal(refusal, peer);
  else
    response = {refusal.status, {{"Content-Type", "text/plain; charset=utf-8"}}, refusal.message + "\n"};
  // Who comes again at once meets the same limit.
  if (refusal.status == 503 && !response.headers.find("Retry-After")) response.headers.add("Retry-After", "1");
  return response;
}

bool Site::reserve_body(size_t bytes) {
  const auto more = static_cast<int64_t>(bytes);
  if ((counters_.body_bytes += more) <= static_cast<int64_t>(limits_.all_body_bytes)) return true;
  counters_.body_bytes -= more;
  return false;
}

}  // namespace paddock::net
