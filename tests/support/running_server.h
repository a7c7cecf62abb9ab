// SPDX-License-Identifier: Apache-2.0
#pragma once
// The real program serving a small model on a port of its own.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/json.h"
#include "net/test_client.h"
#include "tests/support/program.h"

namespace paddock::test {

// Keys and audit trail lie in the scratch folder.
class RunningServer {
 public:
  explicit RunningServer(const ScratchFolder& scratch, const Arguments& more = {});

  const std::string& address() const { return address_; }
  // Sent with all requests from now on.
  void use_key(const std::string& key) { authorization_ = "Authorization: Bearer " + key + "\r\n"; }
  net::TestClient client() const { return net::TestClient(address_); }
  std::string head(const std::string& method, const std::string& target, const std::string& more) const;
  std::string post_text(const std::string& target, const std::string& body, const std::string& more = "") const;
  net::TestResponse post(const std::string& target, const Json& body, const std::string& more = "") const;
  net::TestResponse get(const std::string& target, const std::string& more = "") const;
  // The text of an answer that must come.
  std::string text_of(const Json& request) const;
  // Of all series whose names begin so; 0 where there is none.
  double metric(const std::string& name) const;
  Program& program() { return *program_; }
  const Program& program() const { return *program_; }
  void kill_it() { program_.reset(); }

 private:
  std::optional<Program> program_;
  std::string address_, authorization_;
};

// Makes a key for the server of the same folder.
std::string make_key(const ScratchFolder& scratch, const std::string& name, const Arguments& more = {});

// A conversation of one message whose answer has so many tokens.
Json chat(const std::string& text, int seed, int tokens);

}  // namespace paddock::test
