// SPDX-License-Identifier: Apache-2.0
#pragma once
// Responses that clients asked to keep: to be read again, gone on with, deleted. Nobody reads another owner's.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "server/api/api_error.h"

namespace paddock::server {

struct CompletionRequest;

// One turn, as the client sees it, and what came before it.
struct StoredResponse {
  std::string id;
  std::shared_ptr<const Json> response;             // the response object
  std::shared_ptr<const Json> input;                // its input items, a list
  std::vector<std::shared_ptr<const Json>> before;  // item lists of the earlier turns, oldest first
};

// What is put after the response of `request` is complete.
StoredResponse stored_turn(const CompletionRequest& request, std::shared_ptr<const Json> response);

// An owner is the id of a key. For all threads at once.
class ResponseStore {
 public:
  virtual ~ResponseStore() = default;

  virtual void put(std::string_view owner, StoredResponse response) = 0;
  virtual std::shared_ptr<const StoredResponse> get(std::string_view owner, std::string_view id) const = 0;
  virtual bool erase(std::string_view owner, std::string_view id) = 0;
  // The item of that id in the input or output of the owner's stored responses, or null.
  virtual std::shared_ptr<const Json> find_item(std::string_view owner, std::string_view item_id) const = 0;
};

// Keeps responses for a time, within a number of bytes that counts what a response needs together with its earlier
// turns. Room is made by the oldest of the owner that holds most.
class MemoryResponseStore : public ResponseStore {
 public:
  struct Limits {
    size_t bytes = 256 << 20;
    int64_t seconds = 30 * 24 * 3600;
  };
  // `now`: seconds that never go back.
  MemoryResponseStore(Limits limits, std::function<int64_t()> now);

  void put(std::string_view owner, StoredResponse response) override;
  std::shared_ptr<const StoredResponse> get(std::string_view owner, std::string_view id) const override;
  bool erase(std::string_view owner, std::string_view id) override;
  std::shared_ptr<const Json> find_item(std::string_view owner, std::string_view item_id) const override;

  size_t bytes() const;

 private:
  struct Entry {
    std::shared_ptr<const StoredResponse> stored;
    size_t bytes = 0;
    int64_t put_at = 0;
  };
  struct Owner {
    std::list<Entry> entries;  // oldest first
    std::unordered_map<std::string, std::list<Entry>::iterator> by_id;
    std::unordered_map<std::string, std::string> response_of_item;
    size_t bytes = 0;
  };

  bool is_current(const Entry& entry) const { return now_() - entry.put_at < limits_.seconds; }
  const Entry* current_entry(std::string_view owner, std::string_view id) const;
  void remove(Owner& owner, std::list<Entry>::iterator entry);
  void make_room();

  Limits limits_;
  std::function<int64_t()> now_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Owner> owners_;
  size_t bytes_ = 0;
};

// GET /v1/responses/{id}, its DELETE, and GET /v1/responses/{id}/input_items. A missing one is a 404 whoever owns it.
ApiResult<Json> stored_response(const ResponseStore& store, std::string_view owner, std::string_view id);
ApiResult<Json> delete_response(ResponseStore& store, std::string_view owner, std::string_view id);

struct ItemPage {
  std::string after;  // the id behind which the page begins; empty: at the end that comes first
  int limit = 20;     // 1 to 100
  bool newest_first = true;
};
ApiResult<Json> stored_input_items(const ResponseStore& store, std::string_view owner, std::string_view id,
                                   const ItemPage& page);

}  // namespace paddock::server
