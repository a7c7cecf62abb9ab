// SPDX-License-Identifier: Apache-2.0
#include "net/router.h"

#include <gtest/gtest.h>

namespace paddock::net {
namespace {

Route route(std::string method, std::string pattern, std::string policy = "open") {
  return {std::move(method), std::move(pattern), std::move(policy),
          [](Request, PathValues, std::shared_ptr<Exchange>) {}};
}

Router example() {
  Router router;
  for (Route each :
       {route("GET", "/"), route("GET", "/v1/models", "read"), route("GET", "/v1/models/{id...}", "read"),
        route("GET", "/v1/responses/{id}", "inference"), route("DELETE", "/v1/responses/{id}", "inference"),
        route("POST", "/v1/responses/{id}/cancel", "inference"), route("GET", "/v1/responses/recent"),
        route("HEAD", "/v1/responses/recent"), route("GET", "/folder/")})
    EXPECT_TRUE(router.add(std::move(each)));
  return router;
}

std::string found(const Router& router, std::string_view method, std::string_view path) {
  const RouteMatch match = router.match(method, *parse_target(path));
  if (!match.route) return std::to_string(match.status()) + " " + match.allow_header();
  std::string text = match.route->method + " " + match.route->pattern;
  for (const auto& [name, value] : match.values) text += " " + name + "=" + value;
  return text;
}

TEST(Router, FindsRoutes) {
  const Router router = example();
  EXPECT_EQ(found(router, "GET", "/"), "GET /");
  EXPECT_EQ(found(router, "GET", "/v1/models?x=1"), "GET /v1/models");
  EXPECT_EQ(found(router, "HEAD", "/v1/models"), "GET /v1/models");
  EXPECT_EQ(found(router, "GET", "/v1/models/meta/llama"), "GET /v1/models/{id...} id=meta/llama");
  EXPECT_EQ(found(router, "GET", "/v1/models/meta%2Fllama"), "GET /v1/models/{id...} id=meta/llama");
  EXPECT_EQ(found(router, "DELETE", "/v1/responses/r%31"), "DELETE /v1/responses/{id} id=r1");
  EXPECT_EQ(found(router, "GET", "/v1/responses/a%2Fb"), "GET /v1/responses/{id} id=a/b");
  EXPECT_EQ(found(router, "POST", "/v1/responses/7/cancel"), "POST /v1/responses/{id}/cancel id=7");
}

TEST(Router, LiteralsWin) {
  const Router router = example();
  EXPECT_EQ(found(router, "GET", "/v1/responses/recent"), "GET /v1/responses/recent");
  EXPECT_EQ(found(router, "HEAD", "/v1/responses/recent"), "HEAD /v1/responses/recent");
  EXPECT_EQ(found(router, "HEAD", "/v1/responses/other"), "GET /v1/responses/{id} id=other");
  EXPECT_EQ(found(router, "DELETE", "/v1/responses/recent"), "DELETE /v1/responses/{id} id=recent");
}

TEST(Router, RefusesTheRest) {
  const Router router = example();
  for (const std::string_view path : {"/v1", "/v1/models/", "/v1/responses/", "/v1/responses//cancel", "/v1//models",
                                      "//", "/V1/models", "/folder", "/v1%2Fmodels", "/v1/responses/a/b"})
    EXPECT_EQ(found(router, "GET", path), "404 ") << path;
  EXPECT_EQ(found(router, "GET", "/v1/responses/a/cancel"), "405 POST");
  EXPECT_EQ(found(router, "POST", "/v1/models"), "405 GET, HEAD");
  EXPECT_EQ(found(router, "PUT", "/v1/responses/1"), "405 DELETE, GET, HEAD");
  EXPECT_EQ(router.match("OPTIONS", *parse_target("*")).status(), 404);
}

TEST(Router, RefusesBadRoutes) {
  Router router = example();
  for (const std::string_view pattern :
       {"", "v1", "/{id", "/id}", "/a{id}", "/{}", "/{...}", "/{a/b}", "/{id...}/more", "/a//b", "/{a b}"})
    EXPECT_FALSE(router.add(route("GET", std::string(pattern)))) << pattern;
  EXPECT_FALSE(router.add(route("GET", "/v1/models")));
  EXPECT_FALSE(router.add(route("GET", "/v1/responses/{name}")));  // the same paths
  EXPECT_FALSE(router.add(route("GET", "/x", "")));
  EXPECT_FALSE(router.add(route("", "/x")));
  EXPECT_TRUE(router.add(route("PUT", "/v1/models")));
  EXPECT_EQ(router.routes().size(), 10u);
  for (const Route& each : router.routes()) EXPECT_FALSE(each.policy.empty());
}

// An exchange that keeps what it is given.
class KeptResponse final : public Exchange {
 public:
  bool respond(Response given) override {
    response = std::move(given);
    return true;
  }
  bool begin_stream(int, Headers) override { return false; }
  bool write(std::string_view) override { return false; }
  bool finish() override { return false; }
  void abort() override {}
  void on_disconnect(std::function<void()>) override {}
  bool is_open() const override { return true; }
  size_t bytes_queued() const override { return 0; }

  Response response;
};

TEST(Router, Dispatches) {
  Router router;
  Route echo = route("GET", "/echo/{word}");
  echo.handler = [](const Request&, const PathValues& values, const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({200, {}, values.at(0).second});
  };
  ASSERT_TRUE(router.add(std::move(echo)));
  const auto ask = [&](std::string method, std::string_view path) {
    auto exchange = std::make_shared<KeptResponse>();
    Request request;
    request.method = std::move(method);
    request.target = *parse_target(path);
    dispatch(router, std::move(request), exchange, [](int status, const std::string& message) {
      return Response{status, {}, message};
    });
    return exchange->response;
  };
  EXPECT_EQ(ask("GET", "/echo/hi").body, "hi");
  EXPECT_EQ(ask("GET", "/echo").status, 404);
  const Response refused = ask("POST", "/echo/hi");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.find("allow"), "GET, HEAD");
}

}  // namespace
}  // namespace paddock::net
