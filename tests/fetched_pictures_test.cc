// SPDX-License-Identifier: Apache-2.0
// Pictures that a request names by address, from a server of this machine that stands for one of the web.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/mapped_file.h"
#include "cli/eyes.h"
#include "cli/open_model.h"
#include "cli/picture_fetch.h"
#include "net/fetch.h"
#include "net/test_client.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

using testing::HasSubstr;

TEST(FetchedPictures, AreSeenAsThoseOfTheRequestAndKnownByTheSameHash) {
  if (!reference_folder() || !std::filesystem::exists(*reference_folder() / "vision/tiny-vision"))
    GTEST_SKIP() << "the small checkpoint that sees is not there; set PADDOCK_REFERENCE";
  const std::string file = read_text_file(*reference_folder() / "vision/images/p100x90.png").value();
  net::ServerCallbacks callbacks;
  callbacks.handle = [&](net::Request request, std::shared_ptr<net::Exchange> exchange) {
    const bool is_picture = request.target.path == "/a.png";
    exchange->respond({200, {}, is_picture ? file : "<html>no picture</html>"});
  };
  net::TestServer site({}, callbacks);
  const std::string host = "pictures.test" + site.address().substr(site.address().rfind(':'));
  net::FetchRules rules;
  rules.hosts.push_back(net::AllowedHost::parse(host).value());
  const net::Fetcher fetcher(
      std::move(rules), [](const std::string&) { return std::vector{*net::IpAddress::parse("127.0.0.1")}; },
      [](const net::IpAddress&) { return nullptr; });

  auto open = cli::open_model(*reference_folder() / "vision/tiny-vision");
  ASSERT_TRUE(open) << open.error().message;
  cli::VisionOptions options;
  options.fetch = [&](std::string_view url, size_t most_bytes, prompt::PictureReader::Moment until,
                      const std::function<bool()>& is_wanted) {
    return fetcher.fetch(url, {most_bytes, until, is_wanted});
  };
  const auto vision = cli::open_vision(*open, options);
  ASSERT_TRUE(vision) << vision.error().message;
  const auto reader = cli::make_picture_reader(**vision, options);
  const auto read = [&](const std::string& url, prompt::PictureLimits limits = {}) {
    const Json messages = {{{"role", "user"}, {"content", {{{"type", "image_url"}, {"image_url", {{"url", url}}}}}}}};
    return prompt::read_pictures(messages, std::vector{reader->tokens().placeholder()}, reader.get(), limits);
  };

  const auto fetched = read("http://" + host + "/a.png");
  ASSERT_TRUE(fetched) << fetched.error().message;
  const auto sent = read("data:image/png;base64," + encode_base64(file));
  ASSERT_TRUE(sent);
  EXPECT_EQ(fetched->tokens, sent->tokens);
  EXPECT_EQ(fetched->pictures[0].file, sha256(file));
  EXPECT_EQ(fetched->pictures[0].digest, sent->pictures[0].digest);
  EXPECT_EQ(fetched->pictures[0].tiles, sent->pictures[0].tiles);  // cut once

  EXPECT_THAT(read("http://" + host + "/page").error().message, HasSubstr("messages[0].content[0]: "));
  EXPECT_EQ(read("http://other.test/a.png").error().code, ErrorCode::kNotAllowed);
  prompt::PictureLimits limits;
  limits.file.bytes = file.size() - 1;
  EXPECT_EQ(read("http://" + host + "/a.png", limits).error().code, ErrorCode::kLimit);
  limits = {};
  limits.is_wanted = [] { return false; };
  EXPECT_EQ(read("http://" + host + "/a.png", limits).error().code, ErrorCode::kCancelled);
}

TEST(FetchedPictures, ComeFromNamedHostsAlone) {
  EXPECT_FALSE(*cli::make_picture_fetch({}));
  EXPECT_TRUE(*cli::make_picture_fetch({"images.example.com", "*.example.org:8443"}));
  EXPECT_THAT(cli::make_picture_fetch({"images.example.com", "https://a"}).error().message,
              HasSubstr("--image-host: expected a host as images.example.com"));
}

}  // namespace
}  // namespace paddock::test
