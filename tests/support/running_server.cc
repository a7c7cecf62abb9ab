// SPDX-License-Identifier: Apache-2.0
#include "tests/support/running_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "tests/support/golden.h"

namespace paddock::test {

RunningServer::RunningServer(const ScratchFolder& scratch, const Arguments& more) {
  Arguments arguments{"serve", "tiny=" + (data_folder() / "text" / "tiny-scout").string()};
  const std::pair<const char*, std::string> otherwise[] = {{"--listen", "127.0.0.1:0"},
                                                           {"--keys", scratch.path("keys.db")},
                                                           {"--audit", scratch.path("audit")},
                                                           {"--context", "1000"},
                                                           {"--cache-bytes", "2000000"}};
  for (const auto& [option, value] : otherwise)
    if (std::find(more.begin(), more.end(), option) == more.end()) arguments.insert(arguments.end(), {option, value});
  arguments.insert(arguments.end(), more.begin(), more.end());
  program_.emplace(arguments);
  EXPECT_TRUE(program_->wait_for_error("curl http")) << program_->error_so_far();
  std::smatch found;
  const std::string& told = program_->error_so_far();
  if (std::regex_search(told, found, std::regex("http://(127[.]0[.]0[.]1:[0-9]+);"))) address_ = found[1];
}

std::string RunningServer::head(const std::string& method, const std::string& target, const std::string& more) const {
  return method + " " + target + " HTTP/1.1\r\nHost: " + address_ + "\r\n" + authorization_ + more;
}

std::string RunningServer::post_text(const std::string& target, const std::string& body,
                                     const std::string& more) const {
  return head("POST", target, more) +
         "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

net::TestResponse RunningServer::post(const std::string& target, const Json& body, const std::string& more) const {
  return client().ask(post_text(target, body.dump(), more), std::chrono::seconds(60));
}

net::TestResponse RunningServer::get(const std::string& target, const std::string& more) const {
  return client().ask(head("GET", target, more) + "\r\n");
}

std::string RunningServer::text_of(const Json& request) const {
  const net::TestResponse response = post("/v1/chat/completions", request);
  EXPECT_EQ(response.status, 200) << response.body;
  return response.status == 200 ? Json::parse(response.body)["choices"][0]["message"]["content"].dump() : "";
}

double RunningServer::metric(const std::string& name) const {
  std::istringstream lines(get("/metrics").body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name)) sum += std::stod(line.substr(line.rfind(' ')));
  return sum;
}

std::string make_key(const ScratchFolder& scratch, const std::string& name, const Arguments& more) {
  Arguments arguments{"keys", "create", "--name", name, "--database", scratch.path("keys.db")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Ran made = run_program(arguments);
  std::smatch found;
  const std::string told = made.out + made.err;
  EXPECT_TRUE(std::regex_search(told, found, std::regex("pdk_[A-Za-z0-9_-]+"))) << told;
  return found.empty() ? "" : found[0].str();
}

Json chat(const std::string& text, int seed, int tokens) {
  return {{"model", "tiny"},      {"messages", {{{"role", "user"}, {"content", text}}}},
          {"seed", seed},         {"temperature", 1.2},
          {"max_tokens", tokens}, {"ignore_eos", true}};
}

}  // namespace paddock::test
