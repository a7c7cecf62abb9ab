// SPDX-License-Identifier: Apache-2.0
#include "net/fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <memory>
#include <thread>

#include "base/check.h"
#include "net/url.h"

namespace paddock::net {
namespace {

using std::chrono::steady_clock;

constexpr const char* kInstead = "send the bytes in the request, as data:image/png;base64,…";
constexpr size_t kMostHeadBytes = 64 << 10;
constexpr auto kLook = std::chrono::milliseconds(100);  // how often a wait looks whether it is still wanted

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

tl::unexpected<Error> too_late(const Url& url) {
  return error(ErrorCode::kIo,
               "expected {} to answer within the time that pictures may take, found that it is over; try again or {}",
               url.authority.host, kInstead);
}

bool is_wanted(const FetchLimits& limits) { return !limits.is_wanted || limits.is_wanted(); }

tl::unexpected<Error> unwanted(const Url& url) {
  return error(ErrorCode::kCancelled, "nobody waits any more for what {} would send", url.authority.host);
}

std::chrono::milliseconds time_left(const FetchLimits& limits) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(limits.until - steady_clock::now());
}

// The system asks name servers for as long as it likes. It is left to that on a thread of its own, which ends when the
// system does; there are as many such threads at most as fetches began within that time.
Result<std::vector<IpAddress>> resolve_in_time(const Resolver& resolve, const Url& url, const FetchLimits& limits) {
  using Addresses = Result<std::vector<IpAddress>>;
  const auto promise = std::make_shared<std::promise<Addresses>>();
  std::future<Addresses> answer = promise->get_future();
  try {
    std::thread([promise, resolve, host = url.authority.host] { promise->set_value(resolve(host)); }).detach();
  } catch (const std::system_error&) {
    return error(ErrorCode::kIo, "expected a thread to look {} up, found none; try again in a moment",
                 url.authority.host);
  }
  while (answer.wait_until(std::min(limits.until, steady_clock::now() + kLook)) != std::future_status::ready) {
    if (!is_wanted(limits)) return unwanted(url);
    if (steady_clock::now() >= limits.until) return too_late(url);
  }
  return answer.get();
}

// One request and what comes back. Callbacks of libcurl get a pointer to it.
class Transfer {
 public:
  Transfer(const Url& url, std::vector<IpAddress> addresses, const FetchLimits& limits)
      : url_(url), addresses_(std::move(addresses)), limits_(limits) {}

  // An address to go on with, or nothing: the body has come.
  Result<std::string> run(const std::string& ca_file);
  std::string& body() { return body_; }

 private:
  void set_target(CURL* easy);
  void set_rules(CURL* easy, const std::string& ca_file);
  tl::unexpected<Error> failure(CURLcode code) const;

  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static size_t take_head(char* bytes, size_t size, size_t count, void* self);
  static size_t take_body(char* bytes, size_t size, size_t count, void* self);
  static int go_on(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  const Url& url_;
  const std::vector<IpAddress> addresses_;
  const FetchLimits& limits_;
  std::unique_ptr<curl_slist, FreeList> pins_;
  size_t head_bytes_ = 0;
  bool is_too_large_ = false;
  std::string body_;
};

// Whatever libcurl believes a name to mean, it gets sockets to addresses that were looked at and to no others.
curl_socket_t Transfer::open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) {
  const auto& transfer = *static_cast<const Transfer*>(self);
  const auto wanted = IpAddress::of(address->addr);
  if (purpose != CURLSOCKTYPE_IPCXN || !wanted ||
      std::ranges::find(transfer.addresses_, *wanted) == transfer.addresses_.end())
    return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

size_t Transfer::take_head(char*, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.head_bytes_ += size * count;
  return transfer.head_bytes_ > kMostHeadBytes ? 0 : size * count;
}

size_t Transfer::take_body(char* bytes, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.is_too_large_ = size * count > transfer.limits_.bytes - transfer.body_.size();
  if (transfer.is_too_large_) return 0;
  transfer.body_.append(bytes, size * count);
  return size * count;
}

int Transfer::go_on(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return is_wanted(static_cast<const Transfer*>(self)->limits_) ? 0 : 1;
}

// What is asked is put together from parts that were checked, so that libcurl cannot read it in another way.
void Transfer::set_target(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_URL, url_.text().c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, url_.is_secure ? "https" : "http");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // not that of the environment either: it would ask for us
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  if (url_.authority.address) return;
  std::string pin = fmt::format("{}:{}:", url_.authority.host, url_.port());
  for (const IpAddress& address : addresses_) {
    if (!pin.ends_with(':')) pin += ',';
    pin += address.is_v6 ? "[" + address.text() + "]" : address.text();
  }
  pins_.reset(curl_slist_append(nullptr, pin.c_str()));
  curl_easy_setopt(easy, CURLOPT_RESOLVE, pins_.get());
}

void Transfer::set_rules(CURL* easy, const std::string& ca_file) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "paddock");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(time_left(limits_).count()));
  // A length that is announced is refused before anything of the body has come.
  curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits_.bytes));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, go_on);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, this);
}

tl::unexpected<Error> Transfer::failure(CURLcode code) const {
  if (is_too_large_ || code == CURLE_FILESIZE_EXCEEDED)
    return error(ErrorCode::kLimit, "expected a picture of at most {} bytes, found more at {}; send a smaller one",
                 limits_.bytes, url_.authority.host);
  if (code == CURLE_OPERATION_TIMEDOUT) return too_late(url_);
  if (code == CURLE_ABORTED_BY_CALLBACK) return unwanted(url_);
  // Not libcurl's longer text, which tells addresses.
  return error(ErrorCode::kIo, "expected a picture from {}, found a problem: {}; try again or {}", url_.authority.host,
               curl_easy_strerror(code), kInstead);
}

Result<std::string> Transfer::run(const std::string& ca_file) {
  if (time_left(limits_).count() <= 0) return too_late(url_);  // to libcurl, no time is any time
  const std::unique_ptr<CURL, FreeEasy> easy(curl_easy_init());
  if (!easy)
    return error(ErrorCode::kIo, "expected memory to ask {} for a picture, found none; try again in a moment",
                 url_.authority.host);
  set_target(easy.get());
  set_rules(easy.get(), ca_file);
  if (const CURLcode code = curl_easy_perform(easy.get()); code != CURLE_OK) return failure(code);
  long status = 0;
  const char* next = nullptr;  // made absolute; read by our own rules before anything is done with it
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy.get(), CURLINFO_REDIRECT_URL, &next);
  if (status == 200 && !body_.empty()) return std::string();
  if (status == 200)
    return error(ErrorCode::kIo, "expected a picture from {}, found no bytes; {}", url_.authority.host, kInstead);
  const bool goes_on = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  if (goes_on && next != nullptr) return std::string(next);
  return error(ErrorCode::kIo, "expected {} to answer with the status 200, found {}; correct the address or {}",
               url_.authority.host, status, kInstead);
}

}  // namespace

Result<std::vector<IpAddress>> system_addresses(const std::string& host) {
  addrinfo wishes{};
  wishes.ai_socktype = SOCK_STREAM;
  wishes.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::vector<IpAddress> addresses;
  if (const int problem = ::getaddrinfo(host.c_str(), nullptr, &wishes, &found); problem != 0)
    return error(ErrorCode::kIo, "expected {} to have an address, found none ({}); correct the address or {}", host,
                 ::gai_strerror(problem), kInstead);
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next)
    if (const auto address = IpAddress::of(*each->ai_addr)) addresses.push_back(*address);
  ::freeaddrinfo(found);
  return addresses;
}

Fetcher::Fetcher(FetchRules rules, Resolver resolve, AddressCheck check)
    : rules_(std::move(rules)), resolve_(std::move(resolve)), check_(std::move(check)) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(ready == CURLE_OK);
}

// One that may not be asked is reason enough to ask none: whoever answers so for a name wants something else with it.
Result<std::vector<IpAddress>> Fetcher::addresses_of(const Url& url, const FetchLimits& limits) const {
  std::vector<IpAddress> addresses;
  if (url.authority.address)
    addresses.push_back(*url.authority.address);
  else
    addresses = TRY(resolve_in_time(resolve_, url, limits));
  for (const IpAddress& address : addresses)
    if (const char* what = check_(address))
      return error(ErrorCode::kNotAllowed, "expected {} to be a host of the public internet, found {}; {}",
                   url.authority.host, what, kInstead);
  if (addresses.empty())
    return error(ErrorCode::kIo, "expected {} to have an address, found none; correct the address or {}",
                 url.authority.host, kInstead);
  return addresses;
}

Result<std::string> Fetcher::fetch(std::string_view address, const FetchLimits& limits) const {
  std::string next(address);
  bool was_secure = false;
  for (int hop = 0; hop <= rules_.redirects; ++hop) {
    const auto url = parse_url(next);
    if (!url) return error(ErrorCode::kNotAllowed, "{}", url.error().message);
    const std::string& host = url->authority.host;
    if (!is_wanted(limits)) return unwanted(*url);
    if (time_left(limits).count() <= 0) return too_late(*url);
    if (was_secure && !url->is_secure)
      return error(ErrorCode::kNotAllowed,
                   "expected a redirection from https to stay there, found one to http at {}; correct the address",
                   host);
    was_secure = url->is_secure;
    if (std::ranges::none_of(rules_.hosts, [&](const AllowedHost& allowed) { return allowed.allows(*url); }))
      return error(
          ErrorCode::kNotAllowed,
          "expected one of the hosts that pictures are fetched from here (--image-host), found {}{} port {}; {}",
          hop == 0 ? "" : "a redirection to ", host, url->port(), kInstead);
    Transfer transfer(*url, TRY(addresses_of(*url, limits)), limits);
    next = TRY(transfer.run(rules_.ca_file));
    if (next.empty()) return std::move(transfer.body());
  }
  return error(ErrorCode::kIo,
               "expected at most {} redirections on the way to a picture, found more; correct the address",
               rules_.redirects);
}

}  // namespace paddock::net
