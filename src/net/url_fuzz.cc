// SPDX-License-Identifier: Apache-2.0
// What is taken for an address of the web means the same to libcurl, which asks for it; and addresses of hosts that the
// system's own rules call local are never public.

#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>
#include <string>

#include "base/check.h"
#include "net/public_address.h"
#include "net/url.h"

namespace {

using paddock::net::IpAddress;
using paddock::net::Url;

std::string part_of(CURLU* parsed, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(parsed, part, &text, 0) != CURLUE_OK) return "";
  const std::string result(text);
  curl_free(text);
  return result;
}

void check_url(std::string_view text) {
  const auto url = paddock::net::parse_url(text);
  if (!url) return;
  const auto again = paddock::net::parse_url(url->text());
  CHECK(again && again->text() == url->text() && again->authority.address == url->authority.address);
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  CHECK(curl_url_set(parsed.get(), CURLUPART_URL, url->text().c_str(), CURLU_PATH_AS_IS) == CURLUE_OK);
  CHECK(part_of(parsed.get(), CURLUPART_SCHEME) == (url->is_secure ? "https" : "http"));
  CHECK(part_of(parsed.get(), CURLUPART_HOST) == url->authority.host_text());
  CHECK(part_of(parsed.get(), CURLUPART_PORT) == std::to_string(url->port()));
  CHECK(part_of(parsed.get(), CURLUPART_USER).empty() && part_of(parsed.get(), CURLUPART_PASSWORD).empty());
}

bool is_local_to_the_system(const IpAddress& address) {
  if (address.is_v6) {
    in6_addr v6;
    std::memcpy(&v6, address.bytes.data(), sizeof(v6));
    return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6) ||
           IN6_IS_ADDR_SITELOCAL(&v6) || IN6_IS_ADDR_MULTICAST(&v6) || IN6_IS_ADDR_V4MAPPED(&v6) ||
           IN6_IS_ADDR_V4COMPAT(&v6);
  }
  in_addr_t v4;
  std::memcpy(&v4, address.bytes.data(), sizeof(v4));
  v4 = ntohl(v4);
  return v4 >> 24 == IN_LOOPBACKNET || IN_MULTICAST(v4) || IN_BADCLASS(v4) || v4 == INADDR_ANY;
}

void check_address(IpAddress address) {
  const auto again = IpAddress::parse(address.text());
  CHECK(again && *again == address);
  CHECK(!is_local_to_the_system(address) || paddock::net::not_public(address) != nullptr);
  if (address.is_v6) return;
  // The same behind a translator.
  IpAddress translated{true, {0x00, 0x64, 0xff, 0x9b}};
  std::memcpy(translated.bytes.data() + 12, address.bytes.data(), 4);
  CHECK(paddock::net::not_public(translated) == paddock::net::not_public(address));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_url({reinterpret_cast<const char*>(data), size});
  IpAddress v4, v6{true, {}};
  std::memcpy(v4.bytes.data(), data, std::min<size_t>(size, 4));
  std::memcpy(v6.bytes.data(), data, std::min<size_t>(size, 16));
  check_address(v4);
  check_address(v6);
  return 0;
}
