// SPDX-License-Identifier: Apache-2.0
#include "cli/picture_fetch.h"

#include <memory>

#include "net/fetch.h"

namespace paddock::cli {

Result<prompt::PictureReader::Fetch> make_picture_fetch(const std::vector<std::string>& hosts) {
  if (hosts.empty()) return prompt::PictureReader::Fetch();
  net::FetchRules rules;
  for (const std::string& host : hosts) {
    auto allowed = net::AllowedHost::parse(host);
    if (!allowed) return error(allowed.error().code, "--image-host: {}", allowed.error().message);
    rules.hosts.push_back(std::move(*allowed));
  }
  const auto fetcher = std::make_shared<const net::Fetcher>(std::move(rules));
  return [fetcher](std::string_view url, size_t most_bytes, prompt::PictureReader::Moment until,
                   const std::function<bool()>& is_wanted) {
    return fetcher->fetch(url, {.bytes = most_bytes, .until = until, .is_wanted = is_wanted});
  };
}

}  // namespace paddock::cli
