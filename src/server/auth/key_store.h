// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who a request is from, what it may do, and what it uses: keys, limits and usage for a running server.
//
//   const auto principal = store->authenticate(presented);       401
//   const auto allowed = authorise(*principal, need, route, model);   403
//   auto permit = store->try_begin(*principal, model, demand);   429, 503
//   ...                                                          answers of up to permit->max_output_tokens()
//   permit->finish(usage);
//
// The database file is shared with the command line: what it changes is seen within kRefreshMs. One server process uses
// a file at a time; limits of several servers on one file are each server's own.
//
// What a crash can lose: nothing that was finished. The end of the process, however it comes, loses the usage of
// requests that were running, and their tokens stay counted in the minute's window. A power failure loses besides what
// was finished since the last checkpoint, which finish() makes when kCheckpointMs have passed; changes by the command
// line are never lost.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "server/auth/account.h"
#include "server/auth/key.h"
#include "server/auth/money.h"
#include "server/auth/refusal.h"

namespace paddock::server::auth {

constexpr int64_t kRefreshMs = 250;
constexpr int64_t kCheckpointMs = 1000;

// Somebody who has presented a good key, or nobody in particular. Cheap to copy; what it says does not change.
class Principal {
 public:
  // For a server that needs no key: everything is allowed and nothing limited.
  Principal() = default;
  explicit Principal(std::shared_ptr<const Key> key) : key_(std::move(key)) {}

  bool is_anonymous() const { return key_ == nullptr; }
  // Empty for the anonymous one.
  const std::string& key_id() const;
  const std::string& name() const;
  const Key* key() const { return key_.get(); }

 private:
  std::shared_ptr<const Key> key_;
};

// What a route needs. A table of routes states one for each.
enum class Need {
  kNothing,    // open to everybody
  kAnyKey,     // a good key of whatever scope: the list of models, counting tokens
  kReadOnly,   // read-only or admin
  kInference,  // inference or admin
  kAdmin,      // admin
};

// The scopes, routes and models of the principal's key. `route` is the path as the routing table spells it; `model` is
// empty where a request names none.
tl::expected<void, Refusal> authorise(const Principal& principal, Need need, std::string_view route,
                                      std::string_view model = "");

class Permit;

// Thread-safe.
class KeyStore {
 public:
  // Makes the file when there is none, so that a key that is made later is seen. `time` outlives the store.
  static Result<std::unique_ptr<KeyStore>> open(const std::filesystem::path& path,
                                                const TimeSource& time = system_time());
  ~KeyStore();

  // Whether a key has ever been made: from then on a server asks for one. Revoking the last key does not open it again.
  bool any_keys();

  // The text as presented, without "Bearer ".
  tl::expected<Principal, Refusal> authenticate(std::string_view presented);

  // Takes a request from the limits of the principal's key. A refusal is 429, or 503 when it cannot be written down.
  tl::expected<Permit, Refusal> try_begin(const Principal& principal, std::string_view model, const Demand& demand);

  LimitState state(const Principal& principal);

  // Reads keys and prices again now. On an error those of before stay.
  Result<void> reload();
  // Puts everything on the disk: before the process ends, or when a server is idle.
  Result<void> flush();
  // Finished requests whose usage is not written because the database refuses; it is tried again with every finish().
  int64_t unwritten_requests();

 private:
  friend class Permit;
  class State;
  explicit KeyStore(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // permits hold it too
};

// A request that may run. Destroyed without finish(), it has used nothing but its place in the requests a minute.
class Permit {
 public:
  Permit(Permit&& other) noexcept;
  Permit& operator=(Permit&& other) noexcept;
  ~Permit();

  // The longest answer: what was asked for, or less where that was allowed.
  int64_t max_output_tokens() const { return grant_.max_output_tokens; }

  // Writes down what the request used. An error says that it is not on the disk yet; it counts all the same. Once.
  Result<void> finish(const Usage& usage);

 private:
  friend class KeyStore;
  Permit(std::shared_ptr<KeyStore::State> state, Principal principal, std::string model, const Grant& grant);

  std::shared_ptr<KeyStore::State> state_;  // null: finished or moved from
  Principal principal_;
  std::string model_;
  Grant grant_;
};

}  // namespace paddock::server::auth
