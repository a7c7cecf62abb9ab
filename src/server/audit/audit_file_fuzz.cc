// SPDX-License-Identifier: Apache-2.0
// Any bytes as a log, and as a head file: an answer about every line, in bounded time and memory. And bytes put into a
// good log at a place of their choosing: found, unless they are those that were there.

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "server/audit/chain_checker.h"
#include "server/audit/log_folder.h"

namespace {

using namespace paddock::server::audit;

size_t findings_of(std::string_view log, const std::optional<Link>& head) {
  ChainChecker checker;
  if (head) checker.expect(*head);
  int64_t number = 0;
  for (size_t newline; (newline = log.find('\n')) != std::string_view::npos; log.remove_prefix(newline + 1))
    checker.feed(log.substr(0, newline), "line " + std::to_string(++number));
  checker.finish(log.size());
  CHECK(checker.findings().size() <= ChainChecker::kMostFindings + 2);
  return checker.findings().size();
}

struct GoodLog {
  std::string text;
  Link head;
};

const GoodLog& good_log() {
  static const GoodLog log = [] {
    GoodLog made;
    for (int record = 0; record < 4; ++record)
      made.text += next_line(R"({"kind":"request","status":200})", 1'000, &made.head);
    return made;
  }();
  return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  findings_of(bytes, parse_head(bytes.substr(0, kHeadBytes)));
  if (size < 2) return 0;
  const size_t place = (data[0] * 256u + data[1]) % good_log().text.size();
  std::string log = good_log().text;
  log.replace(place, std::min(log.size() - place, size - 2), bytes.substr(2));
  CHECK((findings_of(log, good_log().head) == 0) == (log == good_log().text));
  return 0;
}
